"""The selection strategies by name."""

from ftft.cartography.datamap import AMBIGUOUS, EASY, HARD

RANDOM, MIXED, CLUSTERS = "random", "ambiguous+easy", "loss-clusters"
LATE = "late-learnt"
CORRECTNESS, FORGETTING, CLOSENESS = "correctness", "forgetting", "threshold-closeness"
STRATEGIES = (
    *(AMBIGUOUS, HARD, EASY, RANDOM, MIXED, CLUSTERS),
    *(CORRECTNESS, FORGETTING, CLOSENESS, LATE),
)
# Those that rank all examples by one score, which hence has another end.
SCORED = (AMBIGUOUS, HARD, CORRECTNESS, FORGETTING, CLOSENESS)
