// Gradient of the query and key heads' scales, second half: dw += Σ over segments.
//
// partial_sums is [S,query size + key size] (head_norm_weight_partial), the gradients one of the two each. One invocation an entry.

struct Arguments {
    query_size: u32, // Channels of a group of queries.
    key_size: u32, // Channels of a group of keys.
    segments: u32, // S.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read> partial_sums: array<f32>;
@group(0) @binding(2) var<storage, read_write> query_gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> key_gradient: array<f32>;

@compute @workgroup_size(64)
fn head_norm_weight_backward(@builtin(global_invocation_id) id: vec3<u32>) {
    let columns = arguments.query_size + arguments.key_size;
    if id.x >= columns {
        return;
    }
    var sum = 0.0;
    for (var segment = 0u; segment < arguments.segments; segment++) {
        sum += partial_sums[segment * columns + id.x];
    }
    if id.x < arguments.query_size {
        query_gradient[id.x] += sum;
    } else {
        key_gradient[id.x - arguments.query_size] += sum;
    }
}
