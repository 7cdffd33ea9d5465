// Moves on to the next uploaded micro-batch: row ← row + 1, behind everything that reads the present one.

import package::shared::control::Control;

struct Arguments {
    by: u32, // Rows to move on by.
}

@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read_write> control: Control;

@compute @workgroup_size(1)
fn advance() {
    control.row += arguments.by;
}
