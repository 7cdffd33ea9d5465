//! Named public corpora: where they lie, how large they are, under which licence, and the checksum that proves them.
