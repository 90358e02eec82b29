"""Garbage is not looked for while libraries are imported, and is afterwards."""

import gc

import pytest

from ftft.utils.collecting import nothing_collected


def test_collecting_goes_on_afterwards_whatever_happens():
    try:
        with nothing_collected():
            assert not gc.isenabled()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
        with pytest.raises(ImportError), nothing_collected():
            raise ImportError
        assert gc.isenabled()
        gc.disable()
        with nothing_collected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()
