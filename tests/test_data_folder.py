import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from torch.utils.data import DataLoader

from harmaug.data import HarmonyFolder, listed_splits
from harmaug.io import Photo, read_mask, read_photo, write_photo


def write(path, mode="RGB", size=(12, 8), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    bands = () if mode == "L" else (3,)
    pixels = np.random.default_rng(len(path.name)).integers(0, 256, (size[1], size[0], *bands))
    Image.fromarray(pixels.astype(np.uint8), mode).save(path, **options)
    return pixels


def subset(folder, reals=("a",), foregrounds=(1,), composites=(1, 2), size=(12, 8)):
    for real in reals:
        write(folder / "real_images" / f"{real}.jpg", size=size)
        for foreground in foregrounds:
            write(folder / "masks" / f"{real}_{foreground}.png", "L", size=size)
            for k in composites:
                name = f"{real}_{foreground}_{k}.jpg"
                write(folder / "composite_images" / name, size=size)
    return folder


def names(dataset):
    return [item.name for item in dataset.items]


part = st.text(st.characters(categories=["L", "N"], include_characters="_. -"), min_size=1)


@settings(max_examples=40, deadline=None)
@given(part, st.text("0123456789ab", min_size=1), st.integers(1, 99))
def test_names_are_split_at_their_last_parts(tmp_path_factory, real, foreground, k):
    folder = tmp_path_factory.mktemp("names") / "set"
    for key in (f"real_images/{real}.jpg", f"masks/{real}_{foreground}.png"):
        (folder / key).parent.mkdir(parents=True)
        (folder / key).touch()
    composite = folder / "composite_images" / f"{real}_{foreground}_{k}.jpg"
    composite.parent.mkdir()
    composite.touch()
    if not real.startswith("."):
        item = HarmonyFolder(folder).items[0]
        assert item.composite == composite
        assert item.mask.name == f"{real}_{foreground}.png"
        assert item.real.name == f"{real}.jpg"


@pytest.mark.parametrize("name", ["photo.jpg", "_1.png"])
def test_a_name_without_parts_is_refused(tmp_path, name):
    folder = subset(tmp_path / "set")
    write(folder / "composite_images" / name)
    with pytest.raises(FileNotFoundError, match=r"1 of 3 entries .* name absent files"):
        HarmonyFolder(folder)


def test_pairs_are_found_without_a_list(tmp_path):
    data = HarmonyFolder(subset(tmp_path / "HFlickr", reals=("f1", "f2"), foregrounds=(1, 2)))
    assert len(data) == 8
    assert names(data)[:3] == ["f1_1_1.jpg", "f1_1_2.jpg", "f1_2_1.jpg"]
    assert data.items[2].mask.name == "f1_2.png"
    assert data.items[2].real.name == "f1.jpg"
    assert data.subsets == ["HFlickr"]


def test_values_are_those_of_the_files(tmp_path):
    folder = tmp_path / "set"
    real = write(folder / "real_images" / "a.png")
    mask = write(folder / "masks" / "a_1.png", "L")
    composite = write(folder / "composite_images" / "a_1_1.png")
    sample = HarmonyFolder(folder)[0]
    for key, pixels in (("real", real), ("composite", composite)):
        assert sample[key].dtype == torch.float32
        assert torch.equal(sample[key].mul(255).round(), torch.tensor(pixels).permute(2, 0, 1))
    assert torch.equal(sample["mask"].mul(255).round(), torch.tensor(mask)[None])
    assert (sample["name"], sample["subset"]) == ("a_1_1.png", "set")


def test_photos_with_masks_alone_have_no_composite(tmp_path):
    data = HarmonyFolder(subset(tmp_path / "mine", reals=("a", "b"), composites=()))
    assert names(data) == ["a_1.png", "b_1.png"]
    assert "composite" not in data[0]


def test_pairs_can_be_read_as_photos_one_sample_a_mask(tmp_path):
    folder = subset(tmp_path / "set", reals=("a", "b"))
    (folder / "set_train.txt").write_text("a_1_2.jpg\na_1_1.jpg\n")
    assert names(HarmonyFolder(folder, composites=False)) == ["a_1.png", "b_1.png"]
    assert names(HarmonyFolder(folder, "train", composites=False)) == ["a_1.png"]


def test_a_root_with_several_subsets_is_read_whole(tmp_path):
    subset(tmp_path / "HCOCO")
    subset(tmp_path / "photos", composites=())
    (tmp_path / "docs").mkdir()
    assert HarmonyFolder(tmp_path).subsets == ["HCOCO", "photos"]
    assert HarmonyFolder(tmp_path, composites=True).subsets == ["HCOCO"]


@pytest.mark.parametrize("root", ["_composite_images_/masks/x_1", "real_images x", "数据 é [1]"])
def test_odd_roots_and_underscores_in_real_names_do_no_harm(tmp_path, root):
    folder = subset(tmp_path / root / "cc_Harmony", reals=("IMG_01_composite_images_3",))
    for path in (folder, folder.parent):
        data = HarmonyFolder(path)
        assert names(data) == [f"IMG_01_composite_images_3_1_{k}.jpg" for k in (1, 2)]
        assert data[0]["real"].shape == (3, 8, 12)


def test_suffixes_may_be_of_any_kind_and_case(tmp_path):
    write(tmp_path / "real_images" / "a.JPEG")
    write(tmp_path / "masks" / "a_1.PNG", "L")
    write(tmp_path / "composite_images" / "a_1_1.Png")
    write(tmp_path / "composite_images" / "a_1_2.JPG")
    (tmp_path / "real_images" / "._a.jpg").write_bytes(b"resource fork")
    (tmp_path / "real_images" / "Thumbs.db").write_bytes(b"")
    assert len(HarmonyFolder(tmp_path)) == 2


def test_a_single_mask_may_share_its_photos_name(tmp_path):
    write(tmp_path / "real_images" / "IMG_7.jpg")
    write(tmp_path / "masks" / "IMG_7.png", "L")
    assert HarmonyFolder(tmp_path).items[0].real.name == "IMG_7.jpg"


def test_the_current_folder_has_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(subset(tmp_path / "HCOCO"))
    assert HarmonyFolder(".").subsets == ["HCOCO"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_list_may_be_in_any_unicode_encoding_with_its_mark(tmp_path, encoding):
    folder = subset(tmp_path / "set", reals=("á", "b"))
    mark = "\ufeff" if encoding.endswith("e") else ""  # PowerShell 5 writes UTF-16 with a mark
    (folder / "set_test.txt").write_bytes((mark + "á_1_2.jpg\r\n").encode(encoding))
    assert names(HarmonyFolder(folder, "test")) == ["á_1_2.jpg"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-32", "latin-1"])
def test_a_list_in_another_encoding_is_refused_by_name(tmp_path, encoding):
    folder = subset(tmp_path / "set", reals=("á",))
    (folder / "set_test.txt").write_bytes("á_1_2.jpg".encode(encoding))
    with pytest.raises(ValueError, match=r"set_test\.txt is not a text file in UTF-8 or UTF-16"):
        HarmonyFolder(folder, "test")


def two_subsets(root):
    for name in ("HX", "HY"):
        subset(root / name, reals=("a", "b", "c"), composites=(1,))
    return root


@pytest.mark.parametrize(
    "line",
    ["HX/composite_images/{}", "./HX/composite_images/{}", "HX\\composite_images\\{}", "HX/{}"],
)
def test_lists_at_the_root_hold_for_the_subsets_they_name(tmp_path, line):
    root = two_subsets(tmp_path / "iHarmony4")
    train = [line.format("a_1_1.jpg"), "HY/composite_images/b_1_1.jpg"]
    (root / "IHD_train.txt").write_text("\n".join(train))
    (root / "IHD_test.txt").write_text(line.format("c_1_1.jpg"))
    found = HarmonyFolder(root, "train")
    assert [(item.subset, item.name) for item in found.items] == [
        ("HX", "a_1_1.jpg"),
        ("HY", "b_1_1.jpg"),
    ]
    assert names(HarmonyFolder(root / "HX", "train")) == ["a_1_1.jpg"]
    assert names(HarmonyFolder(root, "test")) == ["c_1_1.jpg"]
    assert names(HarmonyFolder(root, "test", composites=False)) == ["c_1.png"]
    assert listed_splits(root / "HX") == ["train", "test"]
    assert listed_splits(root / "HY") == ["train"]


def test_a_list_at_the_root_may_hold_bare_names(tmp_path):
    root = two_subsets(tmp_path / "set")
    (root / "test.txt").write_text("c_1_1.jpg\nz_1_1.jpg\n")
    assert HarmonyFolder(root, "test").subsets == ["HX", "HY"]


def test_a_list_in_the_subset_goes_before_one_at_the_root(tmp_path):
    root = two_subsets(tmp_path / "set")
    (root / "IHD_train.txt").write_text("HX/composite_images/a_1_1.jpg")
    (root / "HX" / "HX_train.txt").write_text("b_1_1.jpg")
    assert names(HarmonyFolder(root / "HX", "train")) == ["b_1_1.jpg"]


def test_files_beside_a_subset_that_do_not_name_it_are_no_lists_of_it(tmp_path):
    root = two_subsets(tmp_path / "set")
    (root / "imagenet_train.txt").write_text("n01440764/n01440764_1.jpg 0\n")
    assert listed_splits(root / "HX") == []
    with pytest.raises(FileNotFoundError, match=r"no list file HX_train\.txt"):
        HarmonyFolder(root, "train")


def test_an_absent_file_of_a_list_at_the_root_is_missing(tmp_path):
    root = two_subsets(tmp_path / "set")
    (root / "IHD_train.txt").write_text("HX/composite_images/z_1_1.jpg")
    with pytest.raises(FileNotFoundError, match=r"HX/composite_images/z_1_1\.jpg"):
        HarmonyFolder(root / "HX", "train")


@pytest.mark.parametrize(
    "text",
    ["a_1_2.jpg\n", "\ufeffa_1_2.jpg\r\n\r\n", "set/composite_images/a_1_2.jpg", "x\\a_1_2.jpg "],
)
def test_a_list_chooses_the_samples(tmp_path, text):
    folder = subset(tmp_path / "set", reals=("a", "b"))
    (folder / "set_test.txt").write_text(text, encoding="utf-8")
    assert names(HarmonyFolder(folder, "test")) == ["a_1_2.jpg"]


def test_a_list_of_a_renamed_folder_still_counts(tmp_path):
    folder = subset(tmp_path / "my copy")
    (folder / "HCOCO_val.txt").write_text("a_1_1.jpg")
    assert len(HarmonyFolder(folder, "val")) == 1


def test_a_subset_without_this_split_has_no_samples_in_it(tmp_path):
    for name, split in (("x", "train"), ("y", "val")):
        folder = subset(tmp_path / name)
        (folder / f"{name}_{split}.txt").write_text("a_1_1.jpg")
    assert HarmonyFolder(tmp_path, "val").subsets == ["y"]
    with pytest.raises(FileNotFoundError, match=r"has no masks with photos in the lists \*_test"):
        HarmonyFolder(tmp_path, "test")


def test_a_subset_without_any_list_is_an_error_when_a_split_is_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no list file set_train\.txt"):
        HarmonyFolder(subset(tmp_path / "set"), "train")


def test_two_lists_of_one_split_are_refused(tmp_path):
    folder = subset(tmp_path / "set")
    for name in ("a_train.txt", "b_train.txt"):
        (folder / name).write_text("a_1_1.jpg")
    with pytest.raises(ValueError, match="several lists for the split 'train'"):
        HarmonyFolder(folder, "train")


def test_absent_files_are_counted_named_and_skipped_only_if_asked(tmp_path):
    folder = subset(tmp_path / "set", reals=("a", "b", "c"), composites=(1,))
    (folder / "masks" / "b_1.png").unlink()
    (folder / "real_images" / "c.jpg").unlink()
    listed = ["a_1_1.jpg", "b_1_1.jpg", "c_1_1.jpg", "d_1_1.jpg", "e_1_1.jpg"]
    (folder / "set_train.txt").write_text("\n".join(listed))
    with pytest.raises(FileNotFoundError) as caught:
        HarmonyFolder(folder, "train")
    message = str(caught.value)
    assert "4 of 5 entries" in message
    assert "set/masks/b_1.png; set/real_images/c.jpg (photo of c_1.png)" in message
    assert "e_1_1" not in message
    data = HarmonyFolder(folder, "train", skip_missing=True)
    assert names(data) == ["a_1_1.jpg"]
    assert len(data.missing) == 4


def test_masks_of_absent_photos_are_missing_too(tmp_path):
    folder = subset(tmp_path / "set", reals=("a", "b"), composites=())
    (folder / "real_images" / "a.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of 2 entries.*photo of a_1\.png"):
        HarmonyFolder(folder)
    assert names(HarmonyFolder(folder, skip_missing=True)) == ["b_1.png"]


def test_two_files_of_one_name_are_refused(tmp_path):
    folder = subset(tmp_path / "set")
    write(folder / "real_images" / "a.png")
    with pytest.raises(ValueError, match=r"has both a\.jpg and a\.png"):
        HarmonyFolder(folder)


def test_a_wrong_layout_says_what_was_looked_for(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(FileNotFoundError, match="looked for the folders real_images and masks"):
        HarmonyFolder(tmp_path)
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        HarmonyFolder(tmp_path / "absent")
    subset(tmp_path / "images", reals=())
    for name in ("real_images", "masks"):
        (tmp_path / "images" / name).mkdir()
    with pytest.raises(FileNotFoundError, match="has no masks with photos"):
        HarmonyFolder(tmp_path)


@pytest.mark.parametrize(
    "key", ["real_images/a.jpg", "masks/a_1.png", "composite_images/a_1_1.jpg"]
)
@pytest.mark.parametrize("keep", [0, 0.6])
@pytest.mark.parametrize("size", [None, 4])
def test_a_corrupt_image_is_named(tmp_path, key, keep, size):
    path = subset(tmp_path / "set", composites=(1,), size=(64, 64)) / key
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(ValueError, match=f"{path.name} is (damaged or cut short|not an image)"):
        HarmonyFolder(tmp_path, size=size)[0]


def write_deep(path, pixels):
    """A 16-bit PNG file, grey or RGB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if pixels.ndim == 2:
        Image.fromarray(pixels).save(path)
    else:
        write_photo(path, Photo(pixels))


def test_16_bit_files_keep_their_bits_and_are_resized_in_8(tmp_path):
    rng = np.random.default_rng(0)
    real, composite = rng.integers(0, 65536, (2, 8, 12, 3), dtype=np.uint16)
    mask = rng.integers(0, 65536, (8, 12), dtype=np.uint16)
    write_deep(tmp_path / "real_images" / "a.png", real)
    write_deep(tmp_path / "masks" / "a_1.png", mask)
    write_deep(tmp_path / "composite_images" / "a_1_1.png", composite)
    sample = HarmonyFolder(tmp_path)[0]
    for key, pixels in (("real", real), ("composite", composite)):
        codes = sample[key].mul(65535).round().permute(1, 2, 0).numpy()
        assert np.array_equal(codes, pixels)
    assert np.array_equal(sample["mask"][0].mul(65535).round().numpy(), mask)
    small = HarmonyFolder(tmp_path, size=4)[0]
    eight = Image.fromarray(((real.astype(int) + 128) // 257).astype(np.uint8))
    expected = np.asarray(eight.resize((4, 4), Image.Resampling.BILINEAR))
    assert np.array_equal(small["real"].mul(255).round().permute(1, 2, 0).numpy(), expected)


@pytest.mark.parametrize("size", [None, 16])
def test_every_kind_of_mask_file_gives_what_read_mask_gives(tmp_path, size):
    hard = np.zeros((16, 16), np.uint8)
    hard[4:8, 8:12] = 1
    labels = Image.fromarray(hard)
    labels.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    cutout = Image.merge("LA", (Image.new("L", (16, 16), 7), Image.fromarray(hard * 255)))
    kinds = {
        "grey": Image.fromarray(hard * 255),
        "labels": Image.fromarray(hard),
        "deep": Image.fromarray(hard * np.uint16(65535)),
        "deep_labels": Image.fromarray(hard * np.uint16(1)),
        "palette": labels,
        "cutout": cutout,
    }
    for kind, image in kinds.items():
        path = tmp_path / kind / "masks" / "a_1.png"
        write(tmp_path / kind / "real_images" / "a.jpg", size=(16, 16))
        path.parent.mkdir()
        image.save(path)
        mask = HarmonyFolder(tmp_path / kind, size=size)[0]["mask"]
        assert torch.equal(mask[0], torch.from_numpy(hard).float()), kind
        assert torch.equal(mask[0], read_mask(path)), kind


def test_a_mask_that_may_be_class_ids_is_refused_by_name(tmp_path):
    path = subset(tmp_path / "set") / "masks" / "a_1.png"
    Image.fromarray(np.full((8, 12), 300, np.uint16)).save(path)
    with pytest.raises(ValueError, match=r"a_1\.png has values up to 300 .* could be class ids"):
        HarmonyFolder(tmp_path)[0]


def test_photos_are_those_of_read_photo(tmp_path):
    folder = subset(tmp_path / "set", size=(40, 24))
    sample = HarmonyFolder(folder)[0]
    real = read_photo(folder / "real_images" / "a.jpg").tensor()
    assert torch.equal(sample["real"], real)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_jpeg_is_decoded_smaller_and_compared_by_its_own_size(tmp_path, orientation):
    turned = Image.Exif()
    turned[0x0112] = orientation
    upright = (300, 200) if orientation == 1 else (200, 300)
    write(tmp_path / "real_images" / "a.jpg", size=(300, 200), exif=turned)
    write(tmp_path / "masks" / "a_1.png", "L", size=upright)
    with Image.open(tmp_path / "real_images" / "a.jpg") as image:
        image.draft(None, (32, 32))
        assert image.size == (75, 50)
        decoded = ImageOps.exif_transpose(image)
        expected = np.asarray(decoded.resize((16, 16), Image.Resampling.BILINEAR))
    real = HarmonyFolder(tmp_path, size=16)[0]["real"]
    assert np.array_equal(real.mul(255).round().permute(1, 2, 0).numpy(), expected)
    write(tmp_path / "masks" / "a_1.png", "L", size=(75, 50))
    with pytest.raises(ValueError, match=rf"75x50 pixels .* {upright[0]}x{upright[1]}"):
        HarmonyFolder(tmp_path, size=16)[0]


def test_a_mask_of_another_size_is_refused(tmp_path):
    folder = subset(tmp_path / "set")
    write(folder / "masks" / "a_1.png", "L", size=(8, 12))
    for size in (None, 6):
        with pytest.raises(
            ValueError, match=r"a_1\.png is 8x12 pixels but its photo a\.jpg is 12x8"
        ):
            HarmonyFolder(folder, size=size)[0]


def test_exif_orientation_is_followed(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6
    write(tmp_path / "real_images" / "a.jpg", size=(8, 12), exif=turned)
    write(tmp_path / "masks" / "a_1.png", "L", size=(12, 8))
    assert HarmonyFolder(tmp_path)[0]["real"].shape == (3, 8, 12)


def test_resizing_averages_and_keeps_soft_masks(tmp_path):
    checkers = np.indices((64, 96)).sum(0) % 2 * 255
    for key in ("real_images/a.png", "masks/a_1.png"):
        (tmp_path / key).parent.mkdir()
        Image.fromarray(checkers.astype(np.uint8)).save(tmp_path / key)
    sample = HarmonyFolder(tmp_path, size=16)[0]
    for key in ("real", "mask"):
        assert sample[key].shape[1:] == (16, 16)
        torch.testing.assert_close(
            sample[key], torch.full_like(sample[key], 0.5), atol=0.01, rtol=0
        )


def test_samples_of_one_size_collate_and_the_dataset_pickles(tmp_path):
    data = HarmonyFolder(subset(tmp_path / "set", reals=("a", "b")), size=16)
    batch = next(iter(DataLoader(pickle.loads(pickle.dumps(data)), batch_size=4)))
    assert batch["composite"].shape == (4, 3, 16, 16)
    assert batch["mask"].shape == (4, 1, 16, 16)
    assert batch["name"][0] == "a_1_1.jpg"


def test_a_bad_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match="size must be"):
        HarmonyFolder(subset(tmp_path / "set"), size=0)
