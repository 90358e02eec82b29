from ftft import load_experiment, run


def test_smoke(experiment_file, tmp_path):
    results = run(load_experiment(experiment_file), str(tmp_path / "run"))
    assert [s.method for s in results.summaries] == ["erm", "ftft"]
    for s in results.summaries: print(s)
