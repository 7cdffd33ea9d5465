// Blocks of a workgroup of 4 × 4 invocations with sixteen blocks each, 16 rows and 16 columns apart: twice as many products for what is
// loaded as shared/direct.wgsl has. SwiftShader goes through the lanes of a load one by one, and a number costs it twenty times what a
// product does.

// Four blocks side by side.
struct Row {
    first: mat4x4<f32>,
    second: mat4x4<f32>,
    third: mat4x4<f32>,
    fourth: mat4x4<f32>,
}

fn multiply_row(row: ptr<function, Row>, left: mat4x4<f32>, right: Row) {
    (*row).first += right.first * left;
    (*row).second += right.second * left;
    (*row).third += right.third * left;
    (*row).fourth += right.fourth * left;
}
