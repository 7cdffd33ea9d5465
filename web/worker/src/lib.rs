//! The engine in a dedicated Web Worker.
