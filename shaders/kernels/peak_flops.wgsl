// Peak of multiply-adds in registers: what no kernel can exceed on this device. No graph has it; `bench kernel` measures with it.
//
// y [N]: invocation n begins with the twelve numbers x = n, n + 0.1, … n + 1.1, takes each through x = x · factor + addend eight
// times a turn, and writes their sum, which keeps a compiler from leaving the loop out. FLOPs: N · turns · 192.
//
// Twelve independent chains hide the latency of a multiply-add and fit the sixteen vector registers of a CPU without
// AVX-512, which is what a software adapter may run on. No two begin alike: a compiler would compute them once.

import package::shared::grid::group_number;

struct Arguments {
    count: u32, // N.
    turns: u32, // Turns of the loop.
    factor: f32, // Between 0 and 1, so that sums stay finite.
    addend: f32, // Added in each step.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

// Eight steps.
fn turned(start: vec4<f32>, factor: vec4<f32>, addend: vec4<f32>) -> vec4<f32> {
    var x = fma(start, factor, addend);
    x = fma(x, factor, addend);
    x = fma(x, factor, addend);
    x = fma(x, factor, addend);
    x = fma(x, factor, addend);
    x = fma(x, factor, addend);
    x = fma(x, factor, addend);
    return fma(x, factor, addend);
}

@compute @workgroup_size(64)
fn peak_flops(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 64u + local;
    let factor = vec4<f32>(arguments.factor);
    let addend = vec4<f32>(arguments.addend);
    var first = f32(at) + vec4<f32>(0.0, 0.1, 0.2, 0.3);
    var second = first + 0.4;
    var third = first + 0.8;
    for (var turn = 0u; turn < arguments.turns; turn += 1u) {
        first = turned(first, factor, addend);
        second = turned(second, factor, addend);
        third = turned(third, factor, addend);
    }
    let sum = first + second + third;
    if at < arguments.count {
        y[at] = sum.x + sum.y + sum.z + sum.w;
    }
}
