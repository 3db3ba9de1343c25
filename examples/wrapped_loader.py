"""Wrap a training loader: the training loop stays as it is."""

import torch
from photos import Pairs, TinyHarmonizer, foreground_mse
from torch.utils.data import DataLoader

import harmaug


def main() -> None:
    torch.manual_seed(0)
    # A quarter of the composites become synthetic, the others stay as they are.
    aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()
    fields = harmaug.Fields(composite="comp", real="real", mask="mask", space="unit")
    plain = DataLoader(Pairs(), batch_size=5, shuffle=True)
    loader = harmaug.AugmentedLoader(plain, aug, fields, p="auto")

    net = TinyHarmonizer()
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    for epoch in range(2):
        for batch in loader:
            loss = foreground_mse(net(batch["comp"], batch["mask"]), batch["real"], batch["mask"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch}: {len(loader)} batches, last loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
