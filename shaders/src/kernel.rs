//! What the engine needs to know of a kernel to build its pipeline and to check a dispatch.

/// How a kernel uses a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// `var<storage, read>`.
    Read,
    /// `var<storage, read_write>`.
    ReadWrite,
    /// `var<uniform>`: the kernel's arguments, always binding 0.
    Uniform,
}

/// One `@group(0) @binding(n)` variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelBinding {
    /// Its name in the source.
    pub name: &'static str,
    /// n. Bindings are numbered from 0 without gaps, in the order of the list.
    pub binding: u32,
    /// How it is used.
    pub access: Access,
    /// Bytes of one entry of the array that is bound (4 for f32, 16 for vec4), or of the whole uniform structure.
    pub stride: u32,
}

/// One variant of one kernel: composed, validated WGSL.
#[derive(Debug)]
pub struct Kernel {
    /// File name, and the variant's features after a colon: `linear_forward:vec4,bias`.
    pub name: &'static str,
    /// Name of the `@compute` function.
    pub entry_point: &'static str,
    /// WGSL in pieces, which variants share.
    pub pieces: &'static [&'static str],
    /// Invocations in a workgroup.
    pub workgroup_size: [u32; 3],
    /// Bindings of group 0.
    pub bindings: &'static [KernelBinding],
    /// Bytes of workgroup memory.
    pub workgroup_memory: u32,
}

impl Kernel {
    /// Its WGSL.
    pub fn source(&self) -> String {
        self.pieces.concat()
    }

    /// Whether it stores 16-bit floats, which not every device has (WebGPU's `shader-f16`).
    pub fn needs_half(&self) -> bool {
        self.pieces.first().is_some_and(|piece| piece.starts_with("enable f16;"))
    }

    /// Whether its invocations add up within subgroups, which not every device has, and no browser through wgpu.
    pub fn needs_subgroups(&self) -> bool {
        self.name.contains("subgroup") || self.needs_cooperative()
    }

    /// Whether it multiplies cooperative matrices, which few devices have, and no browser.
    pub fn needs_cooperative(&self) -> bool {
        self.name.contains("cooperative")
    }
}

/// A structure of WGSL that lies in a storage buffer, as naga lays it out.
#[derive(Debug)]
pub struct Structure {
    /// Its name.
    pub name: &'static str,
    /// Bytes.
    pub size: u32,
    /// Fields: name and offset in bytes.
    pub fields: &'static [(&'static str, u32)],
}
