"""Photos and masks in files: orientation, bit depth, transparency, profiles, and bad files."""

from __future__ import annotations

import dataclasses
import io
import os
import struct
import threading
import warnings
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from harmaug.io import Photo, decode, read_mask, read_photo, to_8_bits, write_photo

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noise(*shape, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def smooth(height, width):
    """A picture that JPEG keeps nearly as it is."""
    y, x = np.mgrid[:height, :width]
    return np.stack((x * 255 / width, y * 255 / height, (x + y) * 127 / height), -1).astype(
        np.uint8
    )


def png_by_hand(pixels, *chunks):
    """A PNG of (H, W, C) uint8 or uint16 pixels, written from the specification alone."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    height, width, channels = pixels.shape
    depth = 8 * pixels.dtype.itemsize
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    big_endian = pixels.astype(f">u{pixels.dtype.itemsize}")
    lines = b"".join(b"\0" + row.tobytes() for row in big_endian)
    body = chunk(b"IHDR", header) + b"".join(chunk(*extra) for extra in chunks)
    body += chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def exif(orientation=None, make=None):
    block = Image.Exif()
    if orientation:
        block[0x0112] = orientation
    if make:
        block[0x010F] = make
    return block.tobytes()


class TestReadPhoto:
    @pytest.mark.parametrize("suffix", [".png", ".tiff", ".bmp", ".webp", ".ppm"])
    def test_lossless_formats_give_the_very_pixels(self, tmp_path, suffix):
        pixels = noise(20, 30, 3)
        Image.fromarray(pixels).save(tmp_path / f"a{suffix}", lossless=True)
        photo = read_photo(tmp_path / f"a{suffix}")
        assert photo.pixels.dtype == np.uint8
        assert np.array_equal(photo.pixels, pixels)
        assert photo.alpha is None

    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_16_bit_png_keeps_every_bit(self, tmp_path, channels):
        pixels = noise(20, 30, channels, dtype=np.uint16)
        (tmp_path / "a.png").write_bytes(png_by_hand(pixels))
        photo = read_photo(tmp_path / "a.png")
        assert photo.pixels.dtype == np.uint16
        assert np.array_equal(
            photo.pixels, pixels[..., :3] if channels > 1 else pixels.repeat(3, 2)
        )
        assert (photo.alpha is not None) == (channels == 4)
        if photo.alpha is not None:
            assert photo.alpha is not None
            assert np.array_equal(photo.alpha, pixels[..., 3])

    def test_16_bit_tiff_keeps_every_bit(self, tmp_path):
        tifffile = pytest.importorskip("tifffile", reason="tifffile is not installed")
        pixels = noise(20, 30, 3, dtype=np.uint16)
        tifffile.imwrite(tmp_path / "a.tiff", pixels, photometric="rgb")
        assert np.array_equal(read_photo(tmp_path / "a.tiff").pixels, pixels)
        tifffile.imwrite(tmp_path / "grey.tiff", pixels[..., 0])
        assert np.array_equal(read_photo(tmp_path / "grey.tiff").pixels[..., 1], pixels[..., 0])

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_orientation_is_applied_as_pillow_does(self, tmp_path, orientation):
        block = exif(orientation, make="Camera")
        Image.fromarray(smooth(24, 40)).save(tmp_path / "a.jpg", quality=95, exif=block)
        photo = read_photo(tmp_path / "a.jpg")
        with Image.open(tmp_path / "a.jpg") as image:
            assert np.array_equal(photo.pixels, np.asarray(ImageOps.exif_transpose(image)))
        kept = Image.Exif()
        kept.load(photo.exif)
        assert dict(kept) == {0x010F: "Camera"}

    @pytest.mark.parametrize("orientation", [3, 6])
    def test_orientation_of_16_bit_and_tiff(self, tmp_path, orientation):
        deep = noise(6, 9, 3, dtype=np.uint16)
        upright = np.rot90(deep, {3: 2, 6: 3}[orientation])
        (tmp_path / "a.png").write_bytes(png_by_hand(deep, (b"eXIf", exif(orientation)[6:])))
        assert np.array_equal(read_photo(tmp_path / "a.png").pixels, upright)
        pixels = noise(6, 9, 3)
        Image.fromarray(pixels).save(tmp_path / "b.tiff", tiffinfo={0x0112: orientation})
        upright = np.rot90(pixels, {3: 2, 6: 3}[orientation])
        assert np.array_equal(read_photo(tmp_path / "b.tiff").pixels, upright)
        tifffile = pytest.importorskip("tifffile", reason="tifffile is not installed")
        tag = (0x0112, "H", 1, orientation, True)
        tifffile.imwrite(tmp_path / "c.tiff", deep, photometric="rgb", extratags=[tag])
        upright = np.rot90(deep, {3: 2, 6: 3}[orientation])
        assert np.array_equal(read_photo(tmp_path / "c.tiff").pixels, upright)

    def test_transparency_is_kept_apart(self, tmp_path):
        pixels = noise(10, 12, 4)
        Image.fromarray(pixels).save(tmp_path / "a.png")
        photo = read_photo(tmp_path / "a.png")
        assert np.array_equal(photo.pixels, pixels[..., :3])
        assert np.array_equal(photo.alpha, pixels[..., 3])

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBX"])
    def test_other_modes_become_rgb(self, tmp_path, mode):
        image = Image.fromarray(smooth(16, 16)).convert(mode)
        suffix = ".tiff" if mode in ("PA", "RGBX") else ".png"
        image.save(tmp_path / f"a{suffix}")
        photo = read_photo(tmp_path / f"a{suffix}")
        assert np.array_equal(photo.pixels, np.asarray(image.convert("RGB")))

    def test_cmyk_is_converted_with_a_warning(self, tmp_path):
        Image.fromarray(smooth(16, 16)).convert("CMYK").save(tmp_path / "a.jpg")
        with pytest.warns(UserWarning, match=r"a\.jpg is CMYK"):
            assert read_photo(tmp_path / "a.jpg").pixels.shape == (16, 16, 3)

    def test_only_an_rgb_profile_is_carried(self, tmp_path):
        Image.fromarray(smooth(8, 8)).save(tmp_path / "a.png", icc_profile=SRGB)
        assert read_photo(tmp_path / "a.png").icc_profile == SRGB
        grey = SRGB[:16] + b"GRAY" + SRGB[20:]
        Image.new("L", (8, 8)).save(tmp_path / "b.png", icc_profile=grey)
        assert read_photo(tmp_path / "b.png").icc_profile is None

    def test_bytes_read_before_are_taken_in_place_of_the_file(self, tmp_path):
        pixels = noise(8, 9, 3)
        Image.fromarray(pixels).save(tmp_path / "a.png")
        data = (tmp_path / "a.png").read_bytes()
        assert np.array_equal(read_photo(tmp_path / "none.png", data=data).pixels, pixels)
        with pytest.raises(ValueError, match=r"none\.png is damaged or cut short"):
            read_photo(tmp_path / "none.png", data=data[:-40])

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
    def test_a_pipe_is_read_once(self, tmp_path):
        pixels = noise(8, 9)
        Image.fromarray(pixels).save(tmp_path / "a.png")
        os.mkfifo(tmp_path / "pipe")
        data = (tmp_path / "a.png").read_bytes()
        writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(data,))
        writer.start()
        mask = read_mask(tmp_path / "pipe")
        writer.join()
        assert np.array_equal(mask.mul(255).round().numpy(), pixels)

    @pytest.mark.parametrize("path", [".", os.devnull])
    def test_what_is_no_file_is_refused(self, path):
        with pytest.raises(ValueError, match="is neither a file nor a pipe"):
            read_photo(path)

    @pytest.mark.parametrize("suffix", [".png", ".tiff", ".jpg"])
    def test_a_raised_limit_goes_before_pillows(self, tmp_path, monkeypatch, suffix):
        Image.new("RGB", (100, 100)).save(tmp_path / f"a{suffix}")
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
        with pytest.raises(ValueError, match="is too large to be read"):
            read_photo(tmp_path / f"a{suffix}")
        assert read_photo(tmp_path / f"a{suffix}", 0.02).pixels.shape == (100, 100, 3)
        with pytest.raises(ValueError, match=r"over the limit of 0\.009"):
            read_photo(tmp_path / f"a{suffix}", 0.009)
        assert Image.MAX_IMAGE_PIXELS == 1000

    def test_too_many_megapixels_are_refused_before_decoding(self, tmp_path):
        Image.new("RGB", (1000, 1000)).save(tmp_path / "a.png")
        assert read_photo(tmp_path / "a.png", 1.0).pixels.shape == (1000, 1000, 3)
        with pytest.raises(ValueError, match=r"a\.png has 1\.0 megapixels, over the limit of 0\.5"):
            read_photo(tmp_path / "a.png", 0.5)

    def test_a_missing_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"none\.png does not exist"):
            read_photo(tmp_path / "none.png")

    def test_a_file_that_is_no_image(self, tmp_path):
        (tmp_path / "a.png").write_text("not an image")
        with pytest.raises(ValueError, match=r"a\.png is not an image of a known format"):
            read_photo(tmp_path / "a.png")

    @pytest.mark.parametrize("name", ["a.jpg", "a.png", "deep.png", "a.webp", "a.tiff"])
    def test_a_truncated_file(self, tmp_path, name):
        data = io.BytesIO()
        if name == "deep.png":
            data.write(png_by_hand(noise(64, 64, 3, dtype=np.uint16)))
        else:
            Image.fromarray(noise(64, 64, 3)).save(data, name[2:].replace("jpg", "jpeg"))
        (tmp_path / name).write_bytes(data.getvalue()[: len(data.getvalue()) // 2])
        with pytest.raises(ValueError, match=f"{name} (is damaged or cut short|is not an image)"):
            read_photo(tmp_path / name)

    @settings(max_examples=150, deadline=None)
    @given(data=st.data())
    def test_damaged_bytes_give_a_photo_or_one_sentence(self, tmp_path_factory, data):
        path = tmp_path_factory.getbasetemp() / "damaged.img"
        content = bytearray(data.draw(st.sampled_from(self.intact())))
        for _ in range(data.draw(st.integers(1, 8))):
            place = data.draw(st.integers(0, min(400, len(content) - 1)))
            content[place] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        for read in (read_photo, read_mask):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    read(path, 1.0)
                except ValueError as error:
                    assert str(error).startswith(str(path))  # noqa: PT017

    @staticmethod
    def intact():
        pixels, block = noise(12, 10, 3), exif(orientation=6, make="Camera")
        files = [png_by_hand(noise(12, 10, 3, dtype=np.uint16), (b"eXIf", block[6:]))]
        for kind in ("PNG", "JPEG", "TIFF", "WEBP"):
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, kind, icc_profile=SRGB, exif=block)
            files.append(file.getvalue())
        return files

    def test_depths_that_cannot_be_kept_are_refused(self, tmp_path):
        Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "a.tiff")
        with pytest.raises(ValueError, match=r"a\.tiff holds 32-bit pixels; expected 8 or 16"):
            read_photo(tmp_path / "a.tiff")
        deep = noise(4, 4, 2, dtype=np.uint16)
        (tmp_path / "b.png").write_bytes(png_by_hand(deep))
        (tmp_path / "c.png").write_bytes(png_by_hand(deep[..., :1], (b"tRNS", b"\0\0")))
        for name in ("b", "c"):
            with pytest.raises(ValueError, match=rf"{name}\.png is a 16-bit PNG"):
                read_photo(tmp_path / f"{name}.png")

    def test_a_colour_space_that_is_not_converted_is_refused(self, tmp_path):
        Image.fromarray(noise(4, 4, 3)).convert("LAB").save(tmp_path / "a.tiff")
        with pytest.raises(ValueError, match=r"a\.tiff holds CIELAB colours"):
            read_photo(tmp_path / "a.tiff")


class TestTiff:
    """Layouts of TIFF files: each gives its pixels, or one sentence with its name."""

    @pytest.fixture
    def write(self, tmp_path):
        tifffile = pytest.importorskip("tifffile", reason="tifffile is not installed")

        def write(pixels, **options):
            tifffile.imwrite(tmp_path / "a.tiff", pixels, **options)
            return tmp_path / "a.tiff"

        return write

    @pytest.mark.parametrize("planes", [False, True])
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"byteorder": ">"},
            {"compression": "zlib"},
            {"compression": "zlib", "byteorder": ">", "predictor": True},
            {"tile": (16, 16)},
            {"tile": (16, 16), "compression": "zlib"},
            {"bigtiff": True},
            {"rowsperstrip": 3},
        ],
        ids=str,
    )
    @pytest.mark.parametrize("channels", [3, 4])
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_colour(self, write, dtype, channels, options, planes):
        pixels = noise(20, 35, channels, dtype=dtype)
        alpha = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
        if planes and "predictor" in options:
            pytest.skip("tifffile does not write this layout")
        path = write(
            np.moveaxis(pixels, -1, 0) if planes else pixels,
            photometric="rgb",
            planarconfig="separate" if planes else "contig",
            **alpha,
            **options,
        )
        if planes and dtype == np.uint16:
            with pytest.raises(
                ValueError, match=r"a\.tiff is a 16-bit TIFF .* separate colour planes"
            ):
                read_photo(path)
            return
        photo = read_photo(path)
        assert photo.pixels.dtype == dtype
        assert np.array_equal(photo.pixels, pixels[..., :3])
        if channels == 4:
            assert np.array_equal(photo.alpha, pixels[..., 3])

    def test_colours_multiplied_by_alpha_are_refused_in_16_bits(self, write):
        pixels = noise(6, 9, 4, dtype=np.uint16)
        path = write(pixels, photometric="rgb", extrasamples=["assocalpha"])
        with pytest.raises(ValueError, match="colours multiplied by alpha"):
            read_photo(path)

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
    @pytest.mark.parametrize("compression", [None, "zlib"])
    def test_white_may_be_zero(self, write, dtype, photometric, compression):
        top = np.iinfo(dtype).max
        pixels = noise(6, 9, dtype=dtype)
        stored = pixels if photometric == "minisblack" else top - pixels
        path = write(stored, photometric=photometric, compression=compression)
        assert np.array_equal(read_photo(path).pixels[..., 0], pixels)
        assert np.array_equal(read_mask(path).mul(top).round().numpy(), pixels)

    def test_bits_may_be_black_on_white(self, write):
        pixels = noise(6, 16) > 127
        path = write(~pixels, photometric="miniswhite")
        assert np.array_equal(read_mask(path).numpy(), pixels)

    @pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32])
    def test_signed_pixels_are_refused(self, write, dtype):
        path = write(noise(6, 9).astype(dtype), photometric="minisblack")
        with pytest.raises(ValueError, match=r"a\.tiff holds signed pixels"):
            read_mask(path)


class TestNetpbm:
    @pytest.mark.parametrize("top", [255, 1023, 4095, 65535])
    def test_grey_of_any_depth(self, tmp_path, top):
        codes = np.arange(256).reshape(16, 16) * top // 255
        body = codes.astype(">u2" if top > 255 else "u1").tobytes()
        (tmp_path / "a.pgm").write_bytes(f"P5 16 16 {top}\n".encode() + body)
        mask = read_mask(tmp_path / "a.pgm").numpy()
        np.testing.assert_allclose(mask, codes / top, atol=1 / 65535)

    def test_labels_of_the_depth_that_they_need(self, tmp_path):
        (tmp_path / "a.pgm").write_bytes(b"P5 2 1 1\n\0\1")
        assert read_mask(tmp_path / "a.pgm").tolist() == [[0, 1]]


class TestNames:
    """What a photo carries along: EXIF and names of its colour space."""

    @staticmethod
    def block(order, orientation=6):
        """Return a block with text beyond ASCII, a maker note and a thumbnail; text; note."""
        text, note, thumbnail = "© 2024 Zoë\0".encode(), bytes(range(256)), b"\xff\xd8old\xff\xd9"
        tags = [(0x0112, 3, 1, struct.pack(order + "HH", orientation, 0))]
        start = 8 + 2 + 12 * 3 + 4
        tags.append((0x8298, 2, len(text), struct.pack(order + "I", start)))
        tags.append((0x927C, 7, len(note), struct.pack(order + "I", start + len(text))))
        data = text + note
        second = start + len(data)
        body = struct.pack(order + "H", 3)
        for tag, kind, count, value in tags:
            body += struct.pack(order + "HHI", tag, kind, count) + value
        body += struct.pack(order + "I", second) + data
        body += struct.pack(order + "HHHIII", 1, 0x0201, 4, 1, second + 18, 0) + thumbnail
        head = b"II*\0" if order == "<" else b"MM\0*"
        return b"Exif\0\0" + head + struct.pack(order + "I", 8) + body, text, note

    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
    def test_exif_is_kept_byte_for_byte(self, tmp_path, order, suffix):
        block, text, note = self.block(order)
        Image.fromarray(smooth(8, 12)).save(tmp_path / f"a{suffix}", exif=block)
        photo = read_photo(tmp_path / f"a{suffix}")
        assert photo.pixels.shape == (12, 8, 3)
        for name in ("b.png", "b.jpg"):
            write_photo(tmp_path / name, photo)
            assert text + note in (tmp_path / name).read_bytes()
            with Image.open(tmp_path / name) as image:
                image.load()
                kept = image.getexif()
            assert 0x0112 not in kept
            assert kept[0x8298].encode("latin-1") == text.rstrip(b"\0")
            assert kept[0x927C] == note
            assert not kept.get_ifd(0x0201)
            assert kept._info.next == 0  # no thumbnail in the photo's old colours
        assert read_photo(tmp_path / "b.png").exif == photo.exif

    def test_an_orientation_alone_leaves_no_exif(self, tmp_path):
        Image.fromarray(smooth(8, 12)).save(tmp_path / "a.jpg", exif=exif(6))
        photo = read_photo(tmp_path / "a.jpg")
        assert photo.exif is None
        assert photo.pixels.shape == (12, 8, 3)

    @pytest.mark.parametrize("damage", [b"Exif\0\0", b"Exif\0\0junk", b"Exif\0\0II*\0\xff\xff\0\0"])
    def test_a_damaged_block_is_left_out_with_a_warning(self, tmp_path, damage):
        Image.fromarray(smooth(8, 12)).save(tmp_path / "a.jpg", exif=damage)
        with pytest.warns(UserWarning, match=r"the EXIF block of .*a\.jpg is damaged"):
            photo = read_photo(tmp_path / "a.jpg")
        assert photo.exif is None
        assert photo.pixels.shape == (8, 12, 3)

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_chunks_that_name_a_colour_space_are_kept(self, tmp_path, dtype):
        chunks = {
            b"cICP": bytes((9, 16, 0, 1)),
            b"gAMA": struct.pack(">I", 100000),
            b"cHRM": struct.pack(">8I", *range(30000, 30008)),
        }
        data = png_by_hand(noise(8, 12, 3, dtype=dtype), *chunks.items(), (b"tEXt", b"a\0b"))
        (tmp_path / "a.png").write_bytes(data)
        photo = read_photo(tmp_path / "a.png")
        assert photo.colour_chunks == chunks
        write_photo(tmp_path / "b.png", photo.recoloured(photo.tensor()))
        back = read_photo(tmp_path / "b.png")
        assert back.colour_chunks == chunks
        assert np.array_equal(back.pixels, photo.pixels)
        if dtype == np.uint8:
            with pytest.warns(
                UserWarning, match=r"does not hold the colour space \(cICP, gAMA, cHRM"
            ):
                write_photo(tmp_path / "b.jpg", photo)

    def test_srgb_needs_no_warning(self, tmp_path):
        chunks = ((b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 45455)))
        (tmp_path / "a.png").write_bytes(png_by_hand(noise(8, 12, 3), *chunks))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            write_photo(tmp_path / "b.jpg", read_photo(tmp_path / "a.png"))


class TestDecode:
    @pytest.mark.parametrize(
        ("name", "mode", "options", "plain"),
        [
            ("a.jpg", "RGB", {}, True),
            ("a.jpg", "L", {"progressive": True}, True),
            ("a.jpg", "CMYK", {}, False),
            ("a.jpg", "RGB", {"exif": exif(6)}, False),
            ("a.jpg", "RGB", {"exif": exif(1, make="Camera")}, True),
            ("a.png", "L", {}, True),
            ("a.png", "L", {"exif": exif(6)}, False),
            ("a.png", "L", {"exif": exif(1, make="Camera")}, True),
            ("a.png", "L", {"transparency": 0}, False),
            ("a.png", "L", {"bits": 4}, False),
            ("a.png", "1", {}, False),
            ("a.png", "P", {}, False),
            ("a.png", "LA", {}, False),
            ("a.png", "RGB", {}, False),
            ("a.tiff", "L", {}, False),
        ],
    )
    def test_plain_files_are_those_that_every_program_reads_alike(
        self, tmp_path, name, mode, options, plain
    ):
        Image.fromarray(smooth(16, 12)).convert(mode).save(tmp_path / name, **options)
        if "bits" in options and (tmp_path / name).read_bytes()[24] != options["bits"]:
            pytest.skip("this Pillow writes grey in 8 bits alone")
        decoded = decode(tmp_path / name)
        assert decoded.plain == plain
        with Image.open(tmp_path / name) as image:
            expected = np.asarray(ImageOps.exif_transpose(image))
        if plain:
            assert np.array_equal(decoded.pixels.squeeze(), expected)

    @pytest.mark.parametrize("orientation", [1, 6])
    def test_a_large_jpeg_may_come_smaller_and_says_its_size(self, tmp_path, orientation):
        path = tmp_path / "a.jpg"
        Image.fromarray(smooth(200, 300)).save(path, exif=exif(orientation))
        photo = read_photo(path, at_least=64)
        shapes = [(100, 150, 3), (200, 300)] if orientation == 1 else [(150, 100, 3), (300, 200)]
        assert [photo.pixels.shape, photo.full_size] == shapes
        assert read_photo(path, at_least=150).full_size is None

    def test_to_8_bits_takes_the_nearest_code(self):
        codes = np.arange(65536, dtype=np.uint16)
        assert np.array_equal(to_8_bits(codes), np.rint(codes / 257).astype(np.uint8))
        eight = noise(4, 4)
        assert to_8_bits(eight) is eight


class TestPhoto:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_every_code_value_survives_the_tensor(self, dtype):
        every = np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(16, -1)
        photo = Photo(np.dstack((every, every[::-1], every[:, ::-1])))
        tensor = photo.tensor()
        assert tensor.shape == (3, *every.shape)
        assert tensor.dtype == torch.float32
        assert (tensor.min(), tensor.max()) == (0, 1)
        back = photo.recoloured(tensor)
        assert back.pixels.dtype == dtype
        assert np.array_equal(back.pixels, photo.pixels)

    def test_another_size_is_refused(self):
        with pytest.raises(ValueError, match=r"\(3, 4, 5\) to match the photo, got \(3, 5, 4\)"):
            Photo(noise(4, 5, 3)).recoloured(torch.zeros(3, 5, 4))


class TestReadMask:
    def test_soft_edges_are_kept(self, tmp_path):
        pixels = noise(10, 12)
        Image.fromarray(pixels).save(tmp_path / "a.png")
        mask = read_mask(tmp_path / "a.png")
        assert mask.dtype == torch.float32
        assert np.array_equal(mask.mul(255).round().numpy(), pixels)

    def test_every_kind_of_file_gives_the_same_mask(self, tmp_path):
        hard = np.zeros((10, 12), np.uint8)
        hard[2:7, 3:9] = 255
        grey = Image.fromarray(hard)
        labels = Image.fromarray(hard // 255)
        labels.putpalette([0, 0, 0, 128, 0, 0])  # as in PASCAL VOC and DAVIS
        grey_palette = Image.fromarray(hard // 255)
        grey_palette.putpalette([0, 0, 0, 255, 255, 255])
        cutout = Image.merge("RGBA", (*Image.fromarray(noise(10, 12, 3)).split(), grey))
        deep = (hard.astype(np.uint16) * 257)[..., None]
        pictures = {
            "grey": grey,
            "bits": grey.convert("1"),
            "zero_one": Image.fromarray(hard // 255),
            "rgb": grey.convert("RGB"),
            "opaque": grey.convert("RGBA"),
            "cutout": cutout,
            "cutout_grey": Image.merge("LA", (Image.new("L", (12, 10), 7), grey)),
            "labels": labels,
            "grey_palette": grey_palette,
        }
        for name, picture in pictures.items():
            picture.save(tmp_path / f"{name}.png")
        (tmp_path / "deep.png").write_bytes(png_by_hand(deep))
        (tmp_path / "deep_rgb.png").write_bytes(png_by_hand(deep.repeat(3, 2)))
        expected = torch.from_numpy(hard > 0).float()
        for path in tmp_path.iterdir():
            assert torch.equal(read_mask(path), expected), path.name

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_values_are_read_by_one_rule_in_8_and_16_bits(self, tmp_path, dtype):
        path, top = tmp_path / "a.png", np.iinfo(dtype).max
        hard = np.zeros((10, 12), dtype)
        hard[2:7, 3:9] = 1
        for value in (1, top):
            Image.fromarray(hard * dtype(value)).save(path)
            assert np.array_equal(read_mask(path), hard)
        for labels in (hard * dtype(15), hard * dtype(2) + hard.T.repeat(2, 1)[:10, :12]):
            Image.fromarray(labels).save(path)
            with pytest.raises(
                ValueError, match=rf"a\.png has values up to .* of {top}, .*class ids"
            ):
                read_mask(path)
        soft = np.linspace(0, top, 120).astype(dtype).reshape(10, 12)
        Image.fromarray(soft).save(path)
        np.testing.assert_allclose(read_mask(path), soft / top, atol=1e-7)

    @pytest.mark.parametrize("kind", ["PNG", "GIF", "TIFF", "BMP"])
    @pytest.mark.parametrize("label", [1, 3, 7])
    def test_every_entry_of_a_colour_palette_but_the_first_is_foreground(
        self, tmp_path, kind, label
    ):
        hard = np.zeros((10, 12), np.uint8)
        hard[2:7, 3:9] = label
        image = Image.fromarray(hard)
        # The colours of PASCAL VOC; the seventh is grey.
        image.putpalette(
            [*(0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0), *[0, 0, 128] * 3, *[128] * 3]
        )
        if (kind, label) == ("GIF", 7):
            pytest.skip("Pillow leaves only the used entries in a GIF palette, both grey")
        image.save(tmp_path / "a", kind)
        assert np.array_equal(read_mask(tmp_path / "a"), hard > 0)

    def test_a_turned_label_map_is_turned(self, tmp_path):
        hard = np.zeros((4, 6), np.uint8)
        hard[0, 1] = 2
        image = Image.fromarray(hard)
        image.putpalette([0, 0, 0, 128, 0, 0])
        image.save(tmp_path / "a.png", exif=exif(6))
        assert np.array_equal(read_mask(tmp_path / "a.png"), np.rot90(hard, 3) > 0)

    @pytest.mark.parametrize("first", [0, 255])
    def test_a_palette_of_greys_holds_values_whatever_its_order(self, tmp_path, first):
        soft = noise(10, 12)
        image = Image.fromarray(soft if first == 0 else 255 - soft)
        image.putpalette([abs(k - first) for k in range(256) for _ in range(3)])
        image.save(tmp_path / "a.png")
        assert np.array_equal(read_mask(tmp_path / "a.png").mul(255).round().numpy(), soft)

    def test_a_grey_jpeg_saved_as_colour_is_a_mask(self, tmp_path):
        Image.fromarray(smooth(32, 32)[..., 0]).convert("RGB").save(tmp_path / "a.jpg")
        assert read_mask(tmp_path / "a.jpg").shape == (32, 32)

    def test_a_colour_photo_is_no_mask(self, tmp_path):
        Image.fromarray(noise(10, 12, 3)).save(tmp_path / "a.png")
        with pytest.raises(ValueError, match=r"a\.png is no mask"):
            read_mask(tmp_path / "a.png")

    def test_orientation_is_applied(self, tmp_path):
        pixels = noise(10, 12)
        Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif(orientation=8))
        mask = read_mask(tmp_path / "a.png").mul(255).round().numpy()
        assert np.array_equal(mask, np.rot90(pixels))

    def test_an_all_black_mask_is_all_zero(self, tmp_path):
        Image.new("L", (4, 4)).save(tmp_path / "a.png")
        assert torch.equal(read_mask(tmp_path / "a.png"), torch.zeros(4, 4))


class TestWritePhoto:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("alpha", [False, True])
    def test_png_round_trip_is_exact(self, tmp_path, dtype, alpha):
        photo = Photo(
            noise(11, 13, 3, dtype=dtype),
            noise(11, 13, dtype=dtype, seed=1) if alpha else None,
            icc_profile=SRGB,
            exif=exif(make="Camera"),
        )
        write_photo(tmp_path / "a.png", photo)
        back = read_photo(tmp_path / "a.png")
        for field in dataclasses.fields(Photo):
            old, new = getattr(photo, field.name), getattr(back, field.name)
            assert np.array_equal(old, new) if isinstance(old, np.ndarray) else old == new
        assert list(tmp_path.iterdir()) == [tmp_path / "a.png"]

    @pytest.mark.parametrize("alpha", [False, True])
    def test_16_bit_png_reads_the_same_elsewhere(self, tmp_path, alpha):
        cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
        pixels = noise(11, 13, 3, dtype=np.uint16)
        opacity = noise(11, 13, dtype=np.uint16, seed=1) if alpha else None
        write_photo(tmp_path / "a.png", Photo(pixels, opacity, SRGB, exif(make="Camera")))
        theirs = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(theirs[..., 2::-1], pixels)
        assert opacity is None or np.array_equal(theirs[..., 3], opacity)

    def test_16_bit_png_carries_profile_and_exif_for_pillow(self, tmp_path):
        photo = Photo(noise(4, 4, 3, dtype=np.uint16), None, SRGB, exif(make="Camera"))
        write_photo(tmp_path / "a.png", photo)
        with Image.open(tmp_path / "a.png") as image:
            assert image.info["icc_profile"] == SRGB
            assert image.getexif()[0x010F] == "Camera"

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_any_memory_layout_is_written(self, tmp_path, dtype):
        pixels = noise(3, 13, 11, dtype=dtype).transpose(2, 1, 0)[::-1]
        write_photo(tmp_path / "a.png", Photo(pixels))
        assert np.array_equal(read_photo(tmp_path / "a.png").pixels, pixels)

    def test_jpeg_quality(self, tmp_path):
        photo = Photo(noise(32, 32, 3), None, SRGB, exif(make="Camera"))
        for quality in (30, 95):
            write_photo(tmp_path / f"{quality}.jpg", photo, quality=quality)
        good, poor = read_photo(tmp_path / "95.jpg"), read_photo(tmp_path / "30.jpg")
        assert (good.icc_profile, good.exif) == (photo.icc_profile, photo.exif)
        error = [np.abs(p.pixels.astype(int) - photo.pixels).mean() for p in (good, poor)]
        assert error[0] < error[1] / 2

    def test_an_existing_file_is_kept_unless_told(self, tmp_path):
        old, new = Photo(noise(4, 4, 3)), Photo(noise(4, 4, 3, seed=1))
        write_photo(tmp_path / "a.png", old)
        with pytest.raises(FileExistsError, match=r"a\.png exists"):
            write_photo(tmp_path / "a.png", new)
        assert np.array_equal(read_photo(tmp_path / "a.png").pixels, old.pixels)
        write_photo(tmp_path / "a.png", new, overwrite=True)
        assert np.array_equal(read_photo(tmp_path / "a.png").pixels, new.pixels)

    @pytest.mark.parametrize(
        ("name", "photo", "message"),
        [
            ("a.bmp", Photo(noise(4, 4, 3)), r"written as \.png, \.jpg or \.jpeg"),
            ("a.jpg", Photo(noise(4, 4, 3, dtype=np.uint16)), "neither transparency nor 16 bits"),
            ("a.jpg", Photo(noise(4, 4, 3), noise(4, 4)), "neither transparency nor 16 bits"),
        ],
    )
    def test_what_a_format_cannot_hold_is_refused(self, tmp_path, name, photo, message):
        with pytest.raises(ValueError, match=message):
            write_photo(tmp_path / name, photo)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_a_failure_leaves_nothing(self, tmp_path, monkeypatch, dtype):
        def fail(*_):
            raise OSError("disk full")

        monkeypatch.setattr("os.replace", fail)
        with pytest.raises(OSError, match="disk full"):
            write_photo(tmp_path / "a.png", Photo(noise(4, 4, 3, dtype=dtype)))
        assert list(tmp_path.iterdir()) == []
