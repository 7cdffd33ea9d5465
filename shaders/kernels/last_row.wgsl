// The chunk's last real row: y[c] = x[cursor.length − 1, c], x [T,C].

import package::shared::grid::group_number;

struct Arguments {
    time: u32, // T.
    columns: u32, // C.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> cursor: vec2<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn last_row(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let column = group_number(group) * 256u + local;
    if column < arguments.columns {
        let row = clamp(cursor.y, 1u, arguments.time) - 1u;
        y[column] = x[row * arguments.columns + column];
    }
}
