"""The signature `search` of a version that has an index beside its SavedModel: an image in, neighbours out.

The index is the folder `index`, or what the file `index.uri` names, a collection of Milvus. It is part of the
version: both go live together, and together they are replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from kzoo.errors import KzooError, ServingError, UsageError
from kzoo.serving.call import Progress
from kzoo.serving.config import InputLimits
from kzoo.serving.errors import InternalError, InvalidArgumentError
from kzoo.serving.signature import Arrays, Runner, Signature
from kzoo.serving.tensors import to_proto
from kzoo.serving.versions import INDEX_FOLDER, INDEX_URI

if TYPE_CHECKING:
    from kzoo.retrieval import VectorIndex

SEARCH, EMBED, EMBEDDING, K = "search", "embed", "embedding", "k"
DEFAULT_K = 10

_OUTPUTS = {"ids": types_pb2.DT_STRING, "scores": types_pb2.DT_FLOAT, "metadata": types_pb2.DT_STRING}


def has_index(folder: Path) -> bool:
    """Whether a version has an index beside it."""
    return (folder / INDEX_FOLDER).is_dir() or (folder / INDEX_URI).is_file()


def search_of(
    model: str,
    version: int,
    folder: Path,
    definitions: Mapping[str, meta_graph_pb2.SignatureDef],
    signatures: Mapping[str, Signature],
    limits: InputLimits,
) -> tuple[meta_graph_pb2.SignatureDef, Signature]:
    """Return what the signature `search` is, and the signature.

    Its inputs are those of `embed`, and `k`, int32 (), 10 if left out. Its outputs are, nearest first, ids
    string (N, k), scores float32 (N, k), and metadata string (N, k), each a JSON object.

    Raises:
        ServingError: if the model has no `embed` that answers `embedding`, or a `search` of its own; or if
            the index cannot be opened or holds vectors of another model or version.
    """
    from kzoo.retrieval import open_index

    embed = signatures.get(EMBED)
    if embed is None or EMBEDDING not in embed.outputs or SEARCH in signatures:
        raise ServingError(
            f"{folder} has an index; expected a model with a signature {EMBED!r} that answers {EMBEDDING!r}, "
            f"and none {SEARCH!r}; it has {', '.join(sorted(signatures)) or 'none'}"
        )
    uri = folder / INDEX_URI
    try:
        place = uri.read_text("utf-8").strip() if uri.is_file() else folder / INDEX_FOLDER
        index = open_index(place, model, str(version))
    except (KzooError, OSError, UnicodeDecodeError) as error:
        raise ServingError(f"the index of {folder} cannot be used: {error}") from error
    definition = _definition(definitions[EMBED])
    return definition, Signature.of(SEARCH, definition, _runner(embed, index), limits)


def _definition(embed: meta_graph_pb2.SignatureDef) -> meta_graph_pb2.SignatureDef:
    definition = meta_graph_pb2.SignatureDef(method_name=embed.method_name)
    for name, info in embed.inputs.items():
        definition.inputs[name].CopyFrom(info)
    for name, default in embed.defaults.items():
        definition.defaults[name].CopyFrom(default)
    definition.inputs[K].name, definition.inputs[K].dtype = f"{SEARCH}_{K}:0", types_pb2.DT_INT32
    definition.inputs[K].tensor_shape.SetInParent()
    definition.defaults[K].CopyFrom(to_proto(np.array(DEFAULT_K, np.int32)))
    for name, dtype in _OUTPUTS.items():
        output = definition.outputs[name]
        output.name, output.dtype = f"{SEARCH}_{name}:0", dtype
        for _ in ("row", "place"):
            output.tensor_shape.dim.add(size=-1)
    return definition


def _runner(embed: Signature, index: VectorIndex) -> Runner:
    def run(arrays: Arrays, progress: Progress) -> Arrays:
        k = int(arrays[K])
        inputs = {name: array for name, array in arrays.items() if name != K}
        vectors = embed.run(inputs, progress)[EMBEDDING]
        try:
            found = index.search(vectors, k)
            metadata = index.metadata_json(found.ids.ravel().tolist())
        except UsageError as error:
            raise InvalidArgumentError(f"search: {error}") from error
        except KzooError as error:
            raise InternalError(f"search: {error}") from error
        return {
            "ids": _strings(found.ids.ravel().tolist(), found.ids.shape),
            "scores": found.scores,
            "metadata": _strings(metadata, found.ids.shape),
        }

    return run


def _strings(values: list[str], shape: tuple[int, ...]) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = [value.encode("utf-8") for value in values]
    return array.reshape(shape)
