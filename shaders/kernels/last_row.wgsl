// Each chunk's last real row: y[b,c] = x[b, length − 1, c], x [B,T,C], cursor [B] (start, length, text).

import package::shared::decode::Cursor;
import package::shared::grid::group_number;

struct Arguments {
    batch: u32, // B.
    time: u32, // T.
    columns: u32, // C.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> cursor: array<Cursor>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn last_row(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_number(group) * 256u + local;
    let chunk = at / arguments.columns;
    if chunk < arguments.batch {
        let row = chunk * arguments.time + clamp(cursor[chunk].length, 1u, arguments.time) - 1u;
        y[at] = x[row * arguments.columns + at % arguments.columns];
    }
}
