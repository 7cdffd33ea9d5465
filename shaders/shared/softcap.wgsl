// Soft cap: c·tanh(x/c). The argument of tanh is clamped: several drivers compute it from exp and overflow. Beyond 10 it is 1 in f32.

fn softcapped(x: f32, cap: f32) -> f32 {
    return cap * tanh(clamp(x / cap, -10.0, 10.0));
}

fn softcapped_four(x: vec4<f32>, cap: f32) -> vec4<f32> {
    return cap * tanh(clamp(x / cap, vec4<f32>(-10.0), vec4<f32>(10.0)));
}
