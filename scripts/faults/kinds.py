"""All kinds of fault by name."""

from types import ModuleType

from faults import bits, disk, hostile, kills, nonfinite, pictures, resumes, saves, signals

KINDS: dict[str, ModuleType] = {
    "kills": kills,
    "saves": saves,
    "resumes": resumes,
    "disk": disk,
    "bits": bits,
    "signals": signals,
    "nonfinite": nonfinite,
    "pictures": pictures,
    "hostile": hostile,
}
