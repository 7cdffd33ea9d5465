//! Numbers as people read them: `1.23 M`, `2 min 10 s`, `4.1 GB`.
