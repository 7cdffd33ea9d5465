//! GPT-2's printable byte alphabet: every byte is one visible character, so that byte-level vocabularies can be stored as text
//! (Radford et al. 2019). Printable Latin-1 characters represent themselves; the other bytes map to U+0100 and up.

/// Whether a byte's own Latin-1 character is visible and represents it.
fn stands_for_itself(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff)
}

/// The character of each byte.
pub fn alphabet() -> [char; 256] {
    let mut next = 0x100_u32;
    std::array::from_fn(|index| {
        let byte = index as u8;
        if stands_for_itself(byte) {
            return char::from(byte);
        }
        let code = next;
        next += 1;
        char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
    })
}

/// The inverse mapping: `table[character as usize]`, for the 324 code points of the alphabet.
pub struct ByteOf(Vec<Option<u8>>);

impl Default for ByteOf {
    fn default() -> Self {
        let mut table = vec![None; 0x144];
        for (byte, character) in alphabet().into_iter().enumerate() {
            if let Some(entry) = table.get_mut(character as usize) {
                *entry = Some(byte as u8);
            }
        }
        Self(table)
    }
}

impl ByteOf {
    /// The bytes of a token in the alphabet; `None` if it has any other character.
    pub fn bytes(&self, token: &str) -> Option<Vec<u8>> {
        token.chars().map(|character| self.0.get(character as usize).copied().flatten()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_is_gpt2s_and_invertible() {
        let alphabet = alphabet();
        assert_eq!(alphabet[b' ' as usize], 'Ġ');
        assert_eq!(alphabet[b'\n' as usize], 'Ċ');
        assert_eq!(alphabet[0xad], 'Ń');
        let text: String = alphabet.iter().collect();
        assert_eq!(ByteOf::default().bytes(&text), Some((0..=255).collect()));
        assert_eq!(ByteOf::default().bytes("漢"), None);
    }
}
