// Weights stored in fewer bits, as 32-bit floats: y = w.
// variants: format=floats16|quantised
//
// w and y [O,I], I a multiple of four. One invocation a quad. floats16: two floats to a word, taken apart by any device.

import package::shared::grid::group_number;
@if(floats16) import package::shared::widened::widened;
@if(quantised) import package::shared::quants::quad;

struct Arguments {
    count: u32, // O·I, in quads.
    columns: u32, // I, in quads.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@if(floats16) @group(0) @binding(2) var<storage, read> w: array<u32>;

fn entry(at: u32) -> vec4<f32> {
    @if(floats16) {
        let low = w[2u * at];
        let high = w[2u * at + 1u];
        return vec4<f32>(widened(low & 65535u), widened(low >> 16u), widened(high & 65535u), widened(high >> 16u));
    }
    @else return quad(at / arguments.columns, arguments.columns, at % arguments.columns);
}

@compute @workgroup_size(256)
fn unpack(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    if at < arguments.count {
        y[at] = entry(at);
    }
}
