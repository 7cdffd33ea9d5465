// As stored.wgsl, for kernels that go float by float.

@if(half) alias Stored = f16;
@else alias Stored = f32;
