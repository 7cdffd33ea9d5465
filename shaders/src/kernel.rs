//! Kernel descriptors: what the engine needs to build a pipeline and to check a dispatch.

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
    pub name: &'static str,
    /// n. Bindings are numbered from 0 without gaps, in list order.
    pub binding: u32,
    pub access: Access,
    /// Bytes per entry of the bound array (4 for f32, 16 for vec4), or of the whole uniform struct.
    pub stride: u32,
}

/// One variant of one kernel: composed, validated WGSL.
#[derive(Debug)]
pub struct Kernel {
    /// File name, then the variant's features after a colon: `linear_tiled:scalar,bias`.
    pub name: &'static str,
    /// Name of the `@compute` function.
    pub entry_point: &'static str,
    /// WGSL source in pieces, which variants share.
    pub pieces: &'static [&'static str],
    pub workgroup_size: [u32; 3],
    pub bindings: &'static [KernelBinding],
    /// Bytes of workgroup memory.
    pub workgroup_memory: u32,
    /// Whether it reads the workgroup's z: workgroups that differ in it compute different products of one size.
    pub reads_z: bool,
}

impl Kernel {
    pub fn source(&self) -> String {
        self.pieces.concat()
    }

    /// Whether it stores 16-bit floats, which not every device supports (WebGPU's `shader-f16`).
    pub fn needs_half(&self) -> bool {
        self.pieces.first().is_some_and(|piece| piece.starts_with("enable f16;"))
    }

    /// Whether it uses subgroup operations, which not every device supports, and no browser through wgpu.
    pub fn needs_subgroups(&self) -> bool {
        self.name.contains("subgroup") || self.needs_cooperative()
    }

    /// Whether it multiplies cooperative matrices, which few devices support, and no browser.
    pub fn needs_cooperative(&self) -> bool {
        self.name.contains("cooperative")
    }
}

/// A WGSL struct in a storage buffer, with naga's layout.
#[derive(Debug)]
pub struct Structure {
    pub name: &'static str,
    pub size: u32,
    /// Fields: name and offset in bytes.
    pub fields: &'static [(&'static str, u32)],
}

/// The methods of a kernel's `Arguments`, of which `$size` is the size in its source.
macro_rules! arguments {
    ($size:literal) => {
        impl Arguments {
            /// The bytes of binding 0: the structure, zeros up to a multiple of 16.
            pub fn bytes(&self) -> Vec<u8> {
                let mut bytes = bytemuck::bytes_of(self).to_vec();
                bytes.resize(bytes.len().next_multiple_of(16), 0);
                bytes
            }
        }

        const _: () = assert!(size_of::<Arguments>() == $size);
    };
}

pub(crate) use arguments;
