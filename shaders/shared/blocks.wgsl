// Blocks of 4 rows × 4 keys, as the attention kernels for software adapters compute them. A mat4x4 holds a vector of four in each
// of its columns: four channels of a row, or a row's weights for four keys.

fn total(values: vec4<f32>) -> f32 {
    return (values.x + values.y) + (values.z + values.w);
}

fn highest(values: vec4<f32>) -> f32 {
    return max(max(values.x, values.y), max(values.z, values.w));
}

// Each column times a factor of its own.
fn scaled(block: mat4x4<f32>, factors: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(block[0] * factors.x, block[1] * factors.y, block[2] * factors.z, block[3] * factors.w);
}

fn exponentials(block: mat4x4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(exp(block[0]), exp(block[1]), exp(block[2]), exp(block[3]));
}

// Entry by entry.
fn products(left: mat4x4<f32>, right: mat4x4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(left[0] * right[0], left[1] * right[1], left[2] * right[2], left[3] * right[3]);
}

// Four neighbours from `first` on; past the last one, the last.
fn neighbours(first: u32, count: u32) -> vec4<u32> {
    return min(vec4<u32>(first) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(count - 1u));
}
