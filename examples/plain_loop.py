"""Call the augmenter in a training loop: photos and masks are enough, without composites."""

import torch
from photos import TinyHarmonizer, foreground_mse, small_photos

import harmaug


def main() -> None:
    torch.manual_seed(0)
    real, mask = (torch.stack(part) for part in zip(*small_photos(), strict=True))
    aug = harmaug.SycoNetAugment.from_pretrained("unified")
    net = TinyHarmonizer()
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    for step in range(5):
        composite = aug(real, mask)  # new composites in every step
        loss = foreground_mse(net(composite, mask), real, mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step}: loss {loss.item():.4f}")

    composites = aug.augment(real, mask, n=4)
    print(f"4 composites of each photo: {tuple(composites.shape)}")


if __name__ == "__main__":
    main()
