// What generation keeps on the device. The engine's plan/decode.rs holds the same structures, and one of its tests compares
// the layouts.

struct DecodeState {
    // Tokens ever put into the history.
    length: u32,
    // Draws used up in the table that the host uploaded last.
    drawn: u32,
    // Tokens of the history that the model has read.
    read: u32,
    // Tokens of the history before the model's window: position 0 is the token after them.
    dropped: u32,
}

// Where a row of a decoded batch stands.
struct Cursor {
    // Position of the chunk's first token in its text.
    start: u32,
    // Tokens of the chunk; 0 where the row is idle.
    length: u32,
    // Which text of the caches it is.
    text: u32,
}

// Of a row of a decoded batch.
struct SampleSettings {
    // Tokens that are not drawn at first, and the rest of them.
    masked: vec4<u32>,
    masked_high: vec4<u32>,
    // 0 is greedy.
    temperature: f32,
    top_p: f32,
    min_p: f32,
    repetition_penalty: f32,
    // 0 keeps all.
    top_k: u32,
    // Which text the row continues, or IDLE.
    text: u32,
    // In so many draws of the table.
    masked_draws: u32,
    // How many they are.
    masked_tokens: u32,
}

// In the place of a text: the row has none.
const IDLE: u32 = 0xffffffffu;
