// What generation keeps on the device. The engine's plan/decode.rs holds the same structures, and one of its tests compares
// the layouts.

struct DecodeState {
    // Tokens ever put into the history.
    length: u32,
    // Draws used up in the table that the host uploaded last.
    drawn: u32,
}

struct SampleSettings {
    // 0 is greedy.
    temperature: f32,
    top_p: f32,
    min_p: f32,
    repetition_penalty: f32,
    // 0 keeps all.
    top_k: u32,
    padding: u32,
}
