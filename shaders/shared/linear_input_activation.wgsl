// Epilogue of the gradient of a linear layer's input h = f(x): dx = dh·f′(x), x and dx [N,I], I dividing by four.

import package::shared::curve::slope;
import package::shared::linear_input_backward::{Right, arguments};

@group(0) @binding(3) var<storage, read_write> dx: array<Right>;
@group(0) @binding(4) var<storage, read> x: array<Right>;

fn store_row(row: u32, column: u32, values: vec4<f32>) {
    if row < arguments.rows && column < arguments.columns {
        let at = (row * arguments.columns + column) / 4u;
        dx[at] = Right(values * slope(vec4<f32>(x[at])));
    }
}

fn store(row: u32, column: u32, block: mat4x4<f32>) {
    store_row(row, column, block[0]);
    store_row(row + 1u, column, block[1]);
    store_row(row + 2u, column, block[2]);
    store_row(row + 3u, column, block[3]);
}
