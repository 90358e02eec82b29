"""Record training dynamics from your own PyTorch loop, draw the data map and select a subset.

    python examples/record_own_loop.py [FOLDER]

The task: points in the plane, labelled by the side of a curve they lie on. Every 20th label is
wrong, and the data map shows it. Nothing is downloaded; it runs in seconds.
"""

import sys

import numpy as np
import torch

from ftft import DataMap, DynamicsRecorder, select

folder = sys.argv[1] if len(sys.argv) > 1 else "dynamics-own-loop"

# 1,000 examples with an id each. Ids are what everything is joined by later: any unique strings
# or integers will do, such as a column of your data file.
rng = np.random.default_rng(0)
points = rng.normal(size=(1000, 2)).astype(np.float32)
labels = (points[:, 1] > np.sin(2 * points[:, 0])).astype(np.int64)
flipped = np.arange(1000) % 20 == 0
labels[flipped] = 1 - labels[flipped]
ids = [f"point-{row}" for row in range(1000)]

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(2, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2))
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)

recorder = DynamicsRecorder(folder, example_ids=ids, labels=labels, num_classes=2)
for epoch in range(5):
    for batch in torch.randperm(1000).split(32):  # positions in `ids`; the last batch is smaller
        logits = model(torch.from_numpy(points)[batch])
        loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels)[batch])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        # The only line your loop needs: no copy to the CPU here, no extra forward pass.
        recorder.record(epoch, batch, logits)
    coverage = recorder.finish_epoch(epoch)  # writes what is held, and says what is missing
    print(f"epoch {epoch}: loss {loss.item():.2f}, {coverage.seen} of {coverage.total} recorded")

# The same folder can be read anywhere, any time: ftft.read_dynamics(folder).
datamap = DataMap.from_dynamics(recorder.read(), burn_in=1)  # leaves the first epoch out
for region in ("easy-to-learn", "ambiguous", "hard-to-learn"):
    here = datamap.region == region
    print(f"{region}: {here.sum()} examples, {flipped[here].mean():.0%} of them mislabelled")

subset = select(datamap, "ambiguous", fraction=0.33)
print(f"selected {len(subset)}, the most ambiguous first: {subset.example_ids[:3].to_pylist()}")
