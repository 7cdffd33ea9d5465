// Epilogue of the gradient of a linear layer's input h, a gate of x: of h[n,c] = f(x[n,c])·x[n,I+c],
// dx[n,c] = dh·x[n,I+c]·f′(x[n,c]) and dx[n,I+c] = dh·f(x[n,c]); x and dx [N,2I], I dividing by four.

import package::shared::curve::{activated, slope};
import package::shared::linear_input_backward::{Right, arguments};

@group(0) @binding(3) var<storage, read_write> dx: array<Right>;
@group(0) @binding(4) var<storage, read> x: array<Right>;

fn store_row(row: u32, column: u32, values: vec4<f32>) {
    if row < arguments.rows && column < arguments.columns {
        let at = (row * 2u * arguments.columns + column) / 4u;
        let there = at + arguments.columns / 4u;
        let before = vec4<f32>(x[at]);
        dx[at] = Right(values * vec4<f32>(x[there]) * slope(before));
        dx[there] = Right(values * activated(before));
    }
}

fn store(row: u32, column: u32, block: mat4x4<f32>) {
    store_row(row, column, block[0]);
    store_row(row + 1u, column, block[1]);
    store_row(row + 2u, column, block[2]);
    store_row(row + 3u, column, block[3]);
}
