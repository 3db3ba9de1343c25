"""Augment in the loader's workers, on the CPU, while the GPU trains.

With a seed every worker, epoch and rank draws other composites, and every run the same.
"""

import torch
from photos import Pairs
from torch.utils.data import DataLoader

import harmaug


def main() -> None:
    aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()
    fields = harmaug.Fields(composite="comp", real="real", mask="mask", space="unit")
    collate = harmaug.AugmentCollate(aug, fields, p="auto", seed=0)
    loader = DataLoader(Pairs(), batch_size=5, num_workers=2, collate_fn=collate)
    for epoch in range(2):
        changes = [(batch["comp"] - batch["real"]).abs().mean() for batch in loader]
        print(f"epoch {epoch}: mean change of the photos {torch.stack(changes).mean():.4f}")


if __name__ == "__main__":
    main()
