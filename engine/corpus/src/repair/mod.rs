//! Repair of text: Unicode, mis-decoded bytes, control characters, white space.
