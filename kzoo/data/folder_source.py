"""A folder of PNG or JPEG files, one sub-folder a class, as a data source."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from kzoo.data.data_source import DataSource, Split
from kzoo.data.progress import progress_bar
from kzoo.errors import DataError

if TYPE_CHECKING:
    import tensorflow as tf

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
SPLIT_FOLDERS = ("train", "validation", "test")
SPLIT_SEED = 2017
TEST_SHARE, VALIDATION_SHARE = 0.2, 0.1


@dataclass(frozen=True)
class LabelledFile:
    """An image file: its path below the folder, with "/" between the parts, and its class."""

    relative: str
    class_name: str


@dataclass(frozen=True)
class FolderSource(DataSource):
    """A source that reads image files; the id of an example is its path below the folder."""

    folder: Path
    files: Mapping[str, tuple[LabelledFile, ...]] = field(repr=False)

    def _place(self, image_size: tuple[int, int] | None) -> str:
        return str(self.folder)

    def _examples(self, split: str, image_size: tuple[int, int] | None) -> tf.data.Dataset:
        import tensorflow as tf

        from kzoo.data.images import decode_image, resize_image

        files = self.files[split]
        label_of = {name: label for label, name in enumerate(self.classes)}

        def example(path: tf.Tensor, label: tf.Tensor, identifier: tf.Tensor) -> dict[str, tf.Tensor]:
            image = decode_image(tf.io.read_file(path))
            return {
                "image": image if image_size is None else resize_image(image, image_size),
                "label": label,
                "id": identifier,
            }

        rows = tf.data.Dataset.from_tensor_slices(
            (
                [str(self.folder / file.relative) for file in files],
                tf.constant([label_of[file.class_name] for file in files], tf.int64),
                [file.relative for file in files],
            )
        )
        return rows.map(example, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def open_folder(name: str) -> FolderSource:
    """Open DIR/SPLIT/CLASS/* with the splits train, test and perhaps validation, or DIR/CLASS/*.

    The latter is split 70/10/20 within each class, by the order of a seeded hash of the files' names: the
    same files are always split alike, however they are listed. Examples come in that order too. Names that
    start with a dot are passed over. Every image is decoded once, to be sure of it.

    Raises:
        DataError: if there are no classes, a class has no images, a file is no whole PNG or JPEG image, or
            the splits differ in their classes; the message names the file or folder.
    """
    folder = Path(name).expanduser().resolve()
    if (folder / "train").is_dir():
        files = _list_split_folders(folder)
    else:
        files = _split_by_hash(folder, _list_classes(folder, folder))
    everything = [file for split in files.values() for file in split]
    return FolderSource(
        name=name,
        classes=tuple(sorted({file.class_name for file in everything})),
        splits={split: Split(split, len(members)) for split, members in files.items()},
        fingerprint=_check_and_hash(folder, sorted(file.relative for file in everything)),
        licence="not stated; that of the folder's images",
        source=f"image files in {folder}",
        folder=folder,
        files=files,
    )


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _list_split_folders(folder: Path) -> dict[str, tuple[LabelledFile, ...]]:
    splits = [path.name for path in _visible(folder) if path.is_dir()]
    if stray := sorted(set(splits) - set(SPLIT_FOLDERS)):
        raise DataError(f"{folder / stray[0]} stands beside train; expected {', '.join(SPLIT_FOLDERS)} only")
    if "test" not in splits:
        raise DataError(f"{folder} has a folder train but no folder test; expected both")
    files = {split: _list_classes(folder, folder / split) for split in SPLIT_FOLDERS if split in splits}
    for split, classes in files.items():
        missing, extra = set(files["train"]) - set(classes), set(classes) - set(files["train"])
        if missing or extra:
            raise DataError(
                f"{folder / split} has not the classes of {folder / 'train'}: "
                f"without {sorted(missing) or 'none'}, in excess {sorted(extra) or 'none'}"
            )
    return {split: _in_hash_order(chain.from_iterable(classes.values())) for split, classes in files.items()}


def _list_classes(folder: Path, parent: Path) -> dict[str, list[LabelledFile]]:
    """Return the image files of each class folder in `parent`, sorted by name."""
    entries = _visible(parent)
    for path in entries:
        if not path.is_dir() and path.suffix.lower() in IMAGE_SUFFIXES:
            raise DataError(f"{path} is in no class folder; expected {parent}/CLASS/{path.name}")
    class_folders = [path for path in entries if path.is_dir()]
    if len(class_folders) < 2:
        found = ", ".join(path.name for path in class_folders) or "none"
        raise DataError(f"{parent} has fewer than two class folders ({found}); expected CLASS/*.png or *.jpg")
    return {path.name: _list_images(folder, path) for path in class_folders}


def _list_images(folder: Path, class_folder: Path) -> list[LabelledFile]:
    paths = _visible(class_folder)
    for path in paths:
        if not path.is_file() or path.suffix.lower() not in IMAGE_SUFFIXES:
            raise DataError(f"{path} is no image file; expected only {', '.join(IMAGE_SUFFIXES)} files")
    if not paths:
        raise DataError(
            f"the class folder {class_folder} has no images; expected {', '.join(IMAGE_SUFFIXES)}"
        )
    return [LabelledFile(path.relative_to(folder).as_posix(), class_folder.name) for path in paths]


def _split_by_hash(
    folder: Path, classes: Mapping[str, list[LabelledFile]]
) -> dict[str, tuple[LabelledFile, ...]]:
    """Divide each class: at least one file to test and one to validation, the rest to train."""
    files: dict[str, list[LabelledFile]] = {split: [] for split in SPLIT_FOLDERS}
    for class_name, members in classes.items():
        if len(members) < 3:
            raise DataError(
                f"{folder / class_name} has {len(members)} images; expected at least 3, to have one in each "
                f"of {', '.join(SPLIT_FOLDERS)}"
            )
        ordered = _in_hash_order(members)
        test = max(1, round(TEST_SHARE * len(ordered)))
        held_out = test + max(1, round(VALIDATION_SHARE * len(ordered)))
        files["test"].extend(ordered[:test])
        files["validation"].extend(ordered[test:held_out])
        files["train"].extend(ordered[held_out:])
    return {split: _in_hash_order(members) for split, members in files.items()}


def _in_hash_order(files: Iterable[LabelledFile]) -> tuple[LabelledFile, ...]:
    return tuple(
        sorted(files, key=lambda file: hashlib.sha256(f"{SPLIT_SEED}:{file.relative}".encode()).digest())
    )


def _check_and_hash(folder: Path, relatives: list[str]) -> str:
    """Return one SHA-256 over the names and bytes of the files, having decoded each."""
    import tensorflow as tf

    from kzoo.data.images import decode_image

    digest = hashlib.sha256()
    for relative in progress_bar(relatives, f"checking {folder.name}", total=len(relatives)):
        path = folder / relative
        try:
            encoded = path.read_bytes()
            decode_image(encoded)
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}") from error
        except tf.errors.InvalidArgumentError as error:
            raise DataError(f"{path} is not a whole PNG or JPEG image ({len(encoded)} bytes)") from error
        digest.update(f"{relative}\0{hashlib.sha256(encoded).hexdigest()}\n".encode())
    return digest.hexdigest()
