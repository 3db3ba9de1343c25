"""Photos and masks in files, atomic writes and contact sheets."""

from harmaug.io.atomic import atomic_write
from harmaug.io.contact_sheet import contact_sheet, thumbnail
from harmaug.io.photos import Photo, read_mask, read_photo, write_photo
from harmaug.io.pixels import to_8_bits

__all__ = ["Photo", "atomic_write", "contact_sheet", "read_mask", "read_photo"]
__all__ += ["thumbnail", "to_8_bits", "write_photo"]
