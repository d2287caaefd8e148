"""Personal data in comments: found and masked before anything is stored.

>>> masked = mask("Ring meg på 48 12 34 56, helst etter kl. 16", language="nb")
>>> masked.text
'Ring meg på [phone], helst etter kl. 16'
"""

from api.personal_data.kinds import Kind, Masking
from api.personal_data.masked import Finding, MaskedText
from api.personal_data.masking import mask

__all__ = ["Finding", "Kind", "MaskedText", "Masking", "mask"]
