// A head's row in the attention kernels that go through workgroup memory. `size` is D as a constant, which lets the compiler keep a row in
// registers; `any4` takes every D up to 256 that divides by four, `any` the others, float by float.

import package::shared::attention::arguments;

@if(any) alias Entry = f32;
@else alias Entry = vec4<f32>;
@if(half && any) alias Stored = f16;
@if(half && !any) alias Stored = vec4<f16>;
@if(!half) alias Stored = Entry;

// Entries of a row, and rows staged at once (about 1024 floats).
@if(d32) const SIZE: u32 = 8u;
@if(d48) const SIZE: u32 = 12u;
@if(d64) const SIZE: u32 = 16u;
@if(d128) const SIZE: u32 = 32u;
@if(any4) const SIZE: u32 = 64u;
@if(any) const SIZE: u32 = 256u;
@if(d32) const STAGED: u32 = 32u;
@if(d48 || d64) const STAGED: u32 = 16u;
@if(d128) const STAGED: u32 = 8u;
@if(any4 || any) const STAGED: u32 = 4u;

// Rows of a workgroup, an invocation each.
const ROWS: u32 = 64u;

fn entries() -> u32 {
    @if(any) return arguments.head_size;
    @if(any4) return arguments.head_size / 4u;
    @if(!any && !any4) return SIZE;
}

fn horizontal_sum(x: Entry) -> f32 {
    @if(any) return x;
    @else return (x.x + x.y) + (x.z + x.w);
}
