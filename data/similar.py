"""Texts compared by their word n-grams: near-duplicates, and what one set of texts shares with another.

A library for gen_sft.py and quality.py. All words of all texts are hashed at once, and so are all n-grams.
"""

import hashlib
import re

SHINGLE = 3  # words; short enough that one changed value does not make two texts different
PERMUTATIONS = 128  # of MinHash: the similarity that it estimates is off by up to 0.1
MARGIN = 0.25  # how far below the threshold candidates are looked for
FEWEST = 8  # words; a shorter text says too little to be found inside of another one
PRIME = 0x100000001B3  # Fowler-Noll-Vo's, here over words in place of bytes, modulo 2**64


class _Hashes(dict):
    """{word: its 64-bit hash}, filled as it is asked; a word's hash is the same in every run."""

    def __missing__(self, word):
        self[word] = int.from_bytes(hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "little")
        return self[word]


def plain_words(text: str) -> list:
    """The words of a text without case, punctuation and layout."""
    return re.findall(r"\w+", text.lower())


def _mixed(made, more):
    """Hashes with one more value each, all NumPy arrays of 64 bits."""
    import numpy as np

    made = (made ^ more) * np.uint64(PRIME)
    return made ^ (made >> np.uint64(29))


def hashed(texts: list) -> tuple:
    """(hash of each word of all texts, words of each text), both NumPy arrays; `texts` are lists of words."""
    import numpy as np

    known = _Hashes()
    hashes = np.array([known[word] for words in texts for word in words], dtype=np.uint64)
    return hashes, np.array([len(words) for words in texts], dtype=np.int64)


def ngrams(hashes, lengths, n: int) -> tuple:
    """(hash of each n words in a row, index of the text they are in), NumPy arrays in the order of the words."""
    import numpy as np

    owner = np.repeat(np.arange(len(lengths)), lengths)
    starts = np.flatnonzero(np.arange(len(hashes)) + n <= np.repeat(np.cumsum(lengths), lengths))
    made = np.zeros(len(starts), dtype=np.uint64)
    for offset in range(n):
        made = _mixed(made, hashes[starts + offset])
    return made, owner[starts]


def shingle_sets(texts: list) -> list:
    """The set of hashed word trigrams of each text, as plain integers; a shorter text has one, itself."""
    import numpy as np

    words = [text.lower().split() for text in texts]
    padded = [some + [""] * (SHINGLE - len(some)) for some in words]  # no word is empty
    made, owner = ngrams(*hashed(padded), SHINGLE)
    ends = np.searchsorted(owner, np.arange(len(texts)), side="right").tolist()
    flat = made.tolist()
    return [set(flat[begin:end]) for begin, end in zip([0, *ends], ends, strict=False)]


def _buckets(sets: list, threshold: float) -> list:
    """The buckets of each set: two of a true similarity of at least `threshold` almost surely share one.

    MinHash (Broder 1997) by datasketch, and its choice of bands. Its index asks and fills one set at a time, which
    takes longer than all the rest.
    """
    import numpy as np
    from datasketch import MinHash, MinHashLSH

    chosen = MinHashLSH(threshold=max(0.3, threshold - MARGIN), num_perm=PERMUTATIONS)
    short = [[one & 0xFFFFFFFF for one in some] for some in sets]  # hashed already, and MinHash takes 32 bits
    sketches = MinHash.bulk(short, num_perm=PERMUTATIONS, hashfunc=int)
    values = np.array([one.hashvalues[: chosen.b * chosen.r] for one in sketches], dtype=np.uint64)
    values = values.reshape(len(sets), chosen.b, chosen.r)
    made = np.tile(np.arange(chosen.b, dtype=np.uint64), (len(sets), 1))
    for i in range(chosen.r):
        made = _mixed(made, values[:, :, i])
    return made.tolist()


def near_duplicates(texts: list, threshold: float, apart: int = 0) -> list:
    """For each text the index of the first earlier one with Jaccard similarity >= threshold, or None.

    MinHash proposes, the true Jaccard similarity of the trigram sets decides. Only texts that were no duplicates
    themselves are compared with, and the first `apart` texts, whatever they resemble.
    """
    sets, held, found = shingle_sets(texts), {}, []
    for i, buckets in enumerate(_buckets(sets, threshold) if texts else ()):
        near = sorted(set().union(*(held.get(bucket, ()) for bucket in buckets)))
        similar = (j for j in near if len(sets[i] & sets[j]) >= threshold * len(sets[i] | sets[j]))
        found.append(next(similar, None))
        if found[-1] is None or i < apart:
            for bucket in buckets:
                held.setdefault(bucket, []).append(i)
    return found


def shared(texts: list, others: list, n: int) -> list:
    """For each text the index of one of `others` that it repeats, or None.

    It repeats one when both have the same n words in a row, when it has all words of a shorter one in a row, or, below
    FEWEST words, when it is the same. Case, punctuation and layout do not count.
    """
    import numpy as np

    texts, others = [plain_words(text) for text in texts], [plain_words(text) for text in others]
    short = {tuple(words): i for i, words in enumerate(others) if 0 < len(words) < FEWEST}
    found, ours = [short.get(tuple(words)) for words in texts], hashed(texts)
    for size in sorted({min(n, len(words)) for words in others if len(words) >= FEWEST}):
        chosen = [i for i, words in enumerate(others) if len(words) == size or size == n < len(words)]
        theirs, whose = ngrams(*hashed([others[i] for i in chosen]), size)
        theirs, first = np.unique(theirs, return_index=True)
        mine, owner = ngrams(*ours, size)
        place = np.searchsorted(theirs, mine).clip(max=len(theirs) - 1)
        for hit in np.flatnonzero(theirs[place] == mine).tolist():
            if found[owner[hit]] is None:
                found[owner[hit]] = chosen[whose[first[place[hit]]]]
    return found
