// Arguments of the attention kernels that take heads of any size.

struct Arguments {
    batch: u32, // B.
    time: u32, // T.
    heads: u32, // H.
    kv_heads: u32, // K.
    head_size: u32, // D.
    scale: f32, // 1 / √D.
    dropout: u32, // 1 where probabilities are dropped.
    site: u32, // Number of the dropout site.
    threshold: u32, // Random bits below it drop a probability.
    keep_scale: f32, // 1 / (1 − rate).
    seen: u32, // Positions that a query sees, its own included: all, or those of a sliding window.
    documents: u32, // 1 where rows hold several documents; else anything may be bound as their starts.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
