// Arguments of the attention kernels over windows, and the soft cap of scores in tiled ones.

import package::shared::softcap::softcapped;

struct Arguments {
    batch: u32, // B.
    time: u32, // T.
    heads: u32, // H.
    kv_heads: u32, // K.
    head_size: u32, // D.
    scale: f32, // 1 / √D.
    capped: u32, // 1 where scores have a soft cap.
    softcap: f32, // c.
    dropout: u32, // 1 where probabilities are dropped.
    site: u32, // Number of the dropout site.
    threshold: u32, // Random bits below it drop a probability.
    keep_scale: f32, // 1 / (1 − rate).
    seen: u32, // Positions that a query sees, its own included: all, or those of a sliding window.
    documents: u32, // 1 where rows hold several documents; else anything may be bound as their starts.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;

fn capped(score: f32) -> f32 {
    if arguments.capped == 0u {
        return score;
    }
    return softcapped(score, arguments.softcap);
}

// The gradient of a score before its cap for 1 after it: 1 − (s/c)².
fn cap_slope(score: f32) -> f32 {
    if arguments.capped == 0u {
        return 1.0;
    }
    let share = score / arguments.softcap;
    return 1.0 - share * share;
}
