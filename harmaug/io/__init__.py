"""Photos and masks in files, atomic writes and contact sheets."""

from harmaug.io.atomic import atomic_write
from harmaug.io.contact_sheet import contact_sheet, thumbnail
from harmaug.io.photos import Photo, mask_of, photo_of, read_mask, read_photo, write_photo
from harmaug.io.pixels import decode, to_8_bits

__all__ = ["Photo", "atomic_write", "contact_sheet", "decode", "mask_of", "photo_of"]
__all__ += ["read_mask", "read_photo", "thumbnail", "to_8_bits", "write_photo"]
