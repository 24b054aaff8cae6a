"""A bundle on disk: opened, checked against its manifest, and read."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from retain.bundle.contents import WEIGHTS_FILE
from retain.bundle.digest import record
from retain.bundle.manifest import MANIFEST_FILE, Manifest
from retain.errors import BundleError


@dataclass(frozen=True)
class Bundle:
    """An exported policy: a directory whose files are what its manifest says."""

    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: Path | str, verify: bool = True) -> "Bundle":
        """Read the manifest and check the files that it names.

        Args:
            path: The bundle's directory.
            verify: Check every file's size and SHA-256. False only checks that the files are there: for weights that
                were replaced on purpose, or where the caller has verified this bundle already.

        Raises:
            BundleError: Not a bundle, a file is missing, or a file is not the one that was exported.
        """
        directory = Path(path)
        manifest_path = directory / MANIFEST_FILE
        try:
            text = manifest_path.read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise BundleError(
                f"{directory} is not a bundle: it has no {MANIFEST_FILE}; make one with"
                " `retain export POLICY -o BUNDLE` or `retain merge-export BASE FINETUNED --alpha 0.5 -o BUNDLE`"
            ) from error
        bundle = cls(directory, Manifest.from_json(text, str(manifest_path)))
        for name in bundle.manifest.files:
            if not bundle.file(name).is_file():
                raise BundleError(f"{bundle.file(name)} is missing; copy the bundle again, or export it again")
        if verify:
            bundle.verify(*bundle.manifest.files)
        return bundle

    def verify(self, *names: str) -> None:
        """Check that files are those that were exported.

        Raises:
            BundleError: One has another size or SHA-256 than the manifest says.
        """
        for name in names:
            path, expected = self.file(name), self.manifest.files[name]
            size = path.stat().st_size
            if size != expected.bytes:
                raise BundleError(
                    f"{path} has {size} bytes where {MANIFEST_FILE} says {expected.bytes}; copy the bundle again,"
                    " or export it again"
                )
            found = record(path).sha256
            if found != expected.sha256:
                raise BundleError(
                    f"{path} was changed after the export (SHA-256 {found[:12]}… where {MANIFEST_FILE} says"
                    f" {expected.sha256[:12]}…); copy the bundle again, or export it again"
                )

    def file(self, name: str) -> Path:
        """The path of one of the manifest's files."""
        return self.path / name

    @property
    def weights(self) -> Path:
        """The checkpoint that the graphs' initializers point into."""
        return self.path / WEIGHTS_FILE

    def tokenize(self, text: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """An instruction as the prefix graph takes it.

        Returns:
            (ids, mask): int64[max_tokens] and bool[max_tokens], mask true where a token stands; empty where the policy
            takes no instruction.

        Raises:
            BundleError: The instruction has more tokens than the policy reads, or none.
        """
        language = self.manifest.language
        if language is None:
            return np.zeros(0, np.int64), np.zeros(0, np.bool_)
        if not text.strip():
            raise BundleError("the instruction is empty; say what to do, as in --task 'push the red block left'")
        limit = language.max_tokens
        encoding = self._tokenizer.encode(language.opening + text + language.suffix)
        count = len(encoding.ids)
        if count > limit:
            raise BundleError(f"the instruction {text!r} has {count} tokens and this policy reads {limit}; shorten it")
        ids = np.full(limit, self._pad_id, dtype=np.int64)
        ids[:count] = encoding.ids
        return ids, np.arange(limit) < count

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        # Padding is done here, after the length was seen: a tokenizer that truncates would drop words in silence.
        tokenizer = Tokenizer.from_file(str(self._tokenizer_file))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    @property
    def _tokenizer_file(self) -> Path:
        assert self.manifest.language is not None  # asked for by tokenize alone
        return self.file(self.manifest.language.tokenizer)

    @cached_property
    def _pad_id(self) -> int:
        declared = Tokenizer.from_file(str(self._tokenizer_file)).padding
        return int(declared["pad_id"]) if declared else 0
