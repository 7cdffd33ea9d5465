// Written by `cargo run --release -p glasshouse-shaders --example generate`.

/// Activation: y = f(x), entry by entry.
pub mod activation {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// Entries of a binding: floats, or vectors of four.
        pub count: u32,
        /// The activation, by its number in shared/curves.wgsl.
        pub kind: u32,
    }

    crate::arguments!(8);

    /// Which `entries` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Entries {
        /// `scalar` in the source.
        Scalar,
        /// `vec4` in the source.
        Vec4,
        /// `half` in the source.
        Half,
    }

    /// The variant with these features.
    pub fn kernel(entries: Entries) -> &'static Kernel {
        &VARIANTS[entries as usize]
    }

    pub(crate) static VARIANTS: [Kernel; 3] = [
        Kernel { name: "activation:scalar", entry_point: "activation", pieces: &[W36B122FE, WE32FAE4C, W46B41050, WEF7DE9F2, W599F0D13, WD0112C68, W0D6B5DC7, W5A1CE584, W7D143630, WF991F24F, W10BFAA5C, WE19D1E76, WAA4FC580, W2FCACB87, WDAE1E500, W0EB92106, W7CC6EE24, W14470637, W45A8A576, W28BEA53E, W15135189, W1F3FA7DF, W609A706A], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
        Kernel { name: "activation:vec4", entry_point: "activation", pieces: &[W36B122FE, WE32FAE4C, W46B41050, WEF7DE9F2, W599F0D13, WD0112C68, W0D6B5DC7, W5A1CE584, W263D55F6, WF991F24F, W10BFAA5C, WE19D1E76, WAA4FC580, W2FCACB87, WDAE1E500, W0EB92106, W7CC6EE24, W14470637, W45A8A576, W28BEA53E, W15135189, W1F3FA7DF, W609A706A], workgroup_size: [256, 1, 1], bindings: BINDINGS_1, workgroup_memory: 0, reads_z: false },
        Kernel { name: "activation:half", entry_point: "activation", pieces: &[W148953AA, W36B122FE, WE32FAE4C, W46B41050, WEF7DE9F2, W599F0D13, WD0112C68, W0D6B5DC7, W4967A51A, WF991F24F, W10BFAA5C, WE19D1E76, WAA4FC580, W2FCACB87, W263D55F6, WDAE1E500, W0EB92106, W7CC6EE24, W14470637, W45A8A576, W28BEA53E, W15135189, W1F3FA7DF, W609A706A], workgroup_size: [256, 1, 1], bindings: BINDINGS_2, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 2, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "y", binding: 2, access: Access::ReadWrite, stride: 16 },
    ];
    const BINDINGS_2: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 8 },
        KernelBinding { name: "y", binding: 2, access: Access::ReadWrite, stride: 8 },
    ];
}

/// Gradient of an activation: of y = f(x), dx = dy·f′(x), entry by entry.
pub mod activation_backward {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// Entries of a binding: floats, or vectors of four.
        pub count: u32,
        /// The activation, by its number in shared/curves.wgsl.
        pub kind: u32,
    }

    crate::arguments!(8);

    /// Which `entries` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Entries {
        /// `scalar` in the source.
        Scalar,
        /// `vec4` in the source.
        Vec4,
        /// `half` in the source.
        Half,
    }

    /// The variant with these features.
    pub fn kernel(entries: Entries) -> &'static Kernel {
        &VARIANTS[entries as usize]
    }

    pub(crate) static VARIANTS: [Kernel; 3] = [
        Kernel { name: "activation_backward:scalar", entry_point: "activation_backward", pieces: &[W36B122FE, WE32FAE4C, W46B41050, W65B9B19F, WC21F081B, W4E80BE74, WD0112C68, W0D6B5DC7, W5A1CE584, W7D143630, WF991F24F, W10BFAA5C, WE19D1E76, WAA4FC580, W051304C3, WDAE1E500, W0EB92106, W274FE0DB, W7CC6EE24, W14470637, W45A8A576, W28BEA53E, W963E2A0A, W37F0954B, WEEB6BA7C], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
        Kernel { name: "activation_backward:vec4", entry_point: "activation_backward", pieces: &[W36B122FE, WE32FAE4C, W46B41050, W65B9B19F, WC21F081B, W4E80BE74, WD0112C68, W0D6B5DC7, W5A1CE584, W263D55F6, WF991F24F, W10BFAA5C, WE19D1E76, WAA4FC580, W051304C3, WDAE1E500, W0EB92106, W274FE0DB, W7CC6EE24, W14470637, W45A8A576, W28BEA53E, W963E2A0A, W37F0954B, WEEB6BA7C], workgroup_size: [256, 1, 1], bindings: BINDINGS_1, workgroup_memory: 0, reads_z: false },
        Kernel { name: "activation_backward:half", entry_point: "activation_backward", pieces: &[W148953AA, W36B122FE, WE32FAE4C, W46B41050, W65B9B19F, WC21F081B, W4E80BE74, WD0112C68, W0D6B5DC7, W4967A51A, W263D55F6, WF991F24F, W10BFAA5C, WE19D1E76, WAA4FC580, W051304C3, WDAE1E500, W0EB92106, W274FE0DB, W7CC6EE24, W14470637, W45A8A576, W28BEA53E, W963E2A0A, W37F0954B, WEEB6BA7C], workgroup_size: [256, 1, 1], bindings: BINDINGS_2, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "dy", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "dx", binding: 3, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "dy", binding: 2, access: Access::Read, stride: 16 },
        KernelBinding { name: "dx", binding: 3, access: Access::ReadWrite, stride: 16 },
    ];
    const BINDINGS_2: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 8 },
        KernelBinding { name: "dy", binding: 2, access: Access::Read, stride: 8 },
        KernelBinding { name: "dx", binding: 3, access: Access::ReadWrite, stride: 8 },
    ];
}

/// Sum of two values: y = a + b, entry by entry.
pub mod add {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// Entries of a binding: floats, or vectors of four.
        pub count: u32,
    }

    crate::arguments!(4);

    /// Which `entries` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Entries {
        /// `scalar` in the source.
        Scalar,
        /// `vec4` in the source.
        Vec4,
    }

    /// The variant with these features.
    pub fn kernel(entries: Entries) -> &'static Kernel {
        &VARIANTS[entries as usize]
    }

    pub(crate) static VARIANTS: [Kernel; 2] = [
        Kernel { name: "add:scalar", entry_point: "add", pieces: &[W52D5860C, WE32FAE4C, WB1F15E70, W715D3F0E, W9EBF195E, W28E8573F, WD0112C68, W0D6B5DC7, W7D143630], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
        Kernel { name: "add:vec4", entry_point: "add", pieces: &[W52D5860C, WE32FAE4C, WB1F15E70, W715D3F0E, W9EBF195E, W28E8573F, WD0112C68, W0D6B5DC7, W263D55F6], workgroup_size: [256, 1, 1], bindings: BINDINGS_1, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "a", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "b", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 3, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "a", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "b", binding: 2, access: Access::Read, stride: 16 },
        KernelBinding { name: "y", binding: 3, access: Access::ReadWrite, stride: 16 },
    ];
}

/// Moves on to the next uploaded micro-batch: row ← row + 1, behind everything that reads the present one.
pub mod advance {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// Rows to move on by.
        pub by: u32,
    }

    crate::arguments!(4);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "advance", entry_point: "advance", pieces: &[W135A3C24, WE32FAE4C, W7A12277E, WC37246E3, WC3F4079A], workgroup_size: [1, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "control", binding: 1, access: Access::ReadWrite, stride: 24 },
    ];
}

/// Gradient of causal grouped-query attention with respect to queries, keys and values.
pub mod attention_backward {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    pub use crate::attention::Arguments;

    /// Which `entries` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Entries {
        /// `scalar` in the source.
        Scalar,
        /// `vec4` in the source.
        Vec4,
    }

    /// The variant with these features.
    pub fn kernel(entries: Entries, half: bool) -> &'static Kernel {
        &VARIANTS[entries as usize * 2 + usize::from(half)]
    }

    pub(crate) static VARIANTS: [Kernel; 4] = [
        Kernel { name: "attention_backward:scalar", entry_point: "attention_backward", pieces: &[WE4ADE3B9, WE66C29C0, W24CA3E93, W0A90DF2C, W1ED51749, W1DA1DE4A, W2841F704, WCB2F5AEF, W8E98F1F2, W2BBF268D, W52BE17D4, W0ACCB311, W44FA431D, W1FCA36C7, WB87CEE8A, W7AAEED49, WA4F5DB39, W36CB3794, WA03BB0FA, W5A19FA29, WAEBBE0F0, W22191FA4, W933FE504, WE32FAE4C, WAFFF447D, W916C3F7F, WC72F97D3, WB5C7D40C, W2A50CB39, W25CD389A, WCE67CEE5, WE66B1E6A, WE1903CE4, W72E0BC8D, W2B285989, W32643A66, W2527EA64, WD0112C68, W0D6B5DC7, WC5D1E7FF, W3DBC7991, W6E7FB65C, W1F7F7551, W8C736C8B, W6E4387EC, WE4D6983E, WB5EE0001, WC3F4079A, W17F15460, W2EB71ADC, W227E8FC1, W7F57DB32], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 8448, reads_z: false },
        Kernel { name: "attention_backward:scalar,half", entry_point: "attention_backward", pieces: &[W148953AA, WE4ADE3B9, WE66C29C0, W24CA3E93, W0A90DF2C, W1ED51749, W1DA1DE4A, W2841F704, WCB2F5AEF, W8E98F1F2, W2BBF268D, W52BE17D4, W0ACCB311, W44FA431D, W1FCA36C7, WB87CEE8A, W7AAEED49, WA4F5DB39, W36CB3794, WA03BB0FA, W5A19FA29, WAEBBE0F0, W472EFBB6, W933FE504, WE32FAE4C, WAFFF447D, W916C3F7F, WC72F97D3, WB5C7D40C, W2A50CB39, W25CD389A, WCE67CEE5, WE66B1E6A, WE1903CE4, W72E0BC8D, W2B285989, W32643A66, W2527EA64, WD0112C68, W0D6B5DC7, WC5D1E7FF, W3DBC7991, W6E7FB65C, W1F7F7551, W8C736C8B, W6E4387EC, WE4D6983E, WB5EE0001, WC3F4079A, W17F15460, W2EB71ADC, W227E8FC1, W7F57DB32], workgroup_size: [64, 1, 1], bindings: BINDINGS_1, workgroup_memory: 8448, reads_z: false },
        Kernel { name: "attention_backward:vec4", entry_point: "attention_backward", pieces: &[WE4ADE3B9, WE66C29C0, W24CA3E93, W0A90DF2C, W9D79ED31, W1DA1DE4A, WC8675A1E, W8E98F1F2, W5EAB5426, W52BE17D4, W0ACCB311, W44FA431D, W1FCA36C7, WB87CEE8A, W7AAEED49, WE99BC3D0, WA03BB0FA, W5A19FA29, WAEBBE0F0, W3CBBE5BA, W933FE504, WE32FAE4C, WAFFF447D, W916C3F7F, WC72F97D3, WB5C7D40C, W2A50CB39, W25CD389A, WCE67CEE5, W7C555BC1, W72E0BC8D, W2B285989, W32643A66, W2527EA64, WD0112C68, W0D6B5DC7, WC5D1E7FF, W3DBC7991, W6E7FB65C, W1F7F7551, W8C736C8B, W6E4387EC, WE4D6983E, WB5EE0001, WC3F4079A, W17F15460, W2EB71ADC, W227E8FC1, W7F57DB32], workgroup_size: [64, 1, 1], bindings: BINDINGS_2, workgroup_memory: 8448, reads_z: false },
        Kernel { name: "attention_backward:vec4,half", entry_point: "attention_backward", pieces: &[W148953AA, WE4ADE3B9, WE66C29C0, W24CA3E93, W0A90DF2C, W9D79ED31, W1DA1DE4A, WC8675A1E, W8E98F1F2, W5EAB5426, W52BE17D4, W0ACCB311, W44FA431D, W1FCA36C7, WB87CEE8A, W7AAEED49, WE99BC3D0, WA03BB0FA, W5A19FA29, WAEBBE0F0, W4967A51A, W933FE504, WE32FAE4C, WAFFF447D, W916C3F7F, WC72F97D3, WB5C7D40C, W2A50CB39, W25CD389A, WCE67CEE5, W7C555BC1, W72E0BC8D, W2B285989, W32643A66, W2527EA64, WD0112C68, W0D6B5DC7, WC5D1E7FF, W3DBC7991, W6E7FB65C, W1F7F7551, W8C736C8B, W6E4387EC, WE4D6983E, WB5EE0001, WC3F4079A, W17F15460, W2EB71ADC, W227E8FC1, W7F57DB32], workgroup_size: [64, 1, 1], bindings: BINDINGS_3, workgroup_memory: 8448, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 64 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "schedule", binding: 2, access: Access::Read, stride: 32 },
        KernelBinding { name: "qkv", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "starts", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "lse", binding: 5, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 6, access: Access::Read, stride: 4 },
        KernelBinding { name: "dy", binding: 7, access: Access::Read, stride: 4 },
        KernelBinding { name: "dqkv", binding: 8, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 64 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "schedule", binding: 2, access: Access::Read, stride: 32 },
        KernelBinding { name: "qkv", binding: 3, access: Access::Read, stride: 2 },
        KernelBinding { name: "starts", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "lse", binding: 5, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 6, access: Access::Read, stride: 2 },
        KernelBinding { name: "dy", binding: 7, access: Access::Read, stride: 2 },
        KernelBinding { name: "dqkv", binding: 8, access: Access::ReadWrite, stride: 2 },
    ];
    const BINDINGS_2: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 64 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "schedule", binding: 2, access: Access::Read, stride: 32 },
        KernelBinding { name: "qkv", binding: 3, access: Access::Read, stride: 16 },
        KernelBinding { name: "starts", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "lse", binding: 5, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 6, access: Access::Read, stride: 16 },
        KernelBinding { name: "dy", binding: 7, access: Access::Read, stride: 16 },
        KernelBinding { name: "dqkv", binding: 8, access: Access::ReadWrite, stride: 16 },
    ];
    const BINDINGS_3: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 64 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "schedule", binding: 2, access: Access::Read, stride: 32 },
        KernelBinding { name: "qkv", binding: 3, access: Access::Read, stride: 8 },
        KernelBinding { name: "starts", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "lse", binding: 5, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 6, access: Access::Read, stride: 8 },
        KernelBinding { name: "dy", binding: 7, access: Access::Read, stride: 8 },
        KernelBinding { name: "dqkv", binding: 8, access: Access::ReadWrite, stride: 8 },
    ];
}

/// Causal grouped-query attention: y = softmax(q·kᵀ/√D)·v for each head, T×T never stored.
pub mod attention_forward {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    pub use crate::attention::Arguments;

    /// Which `entries` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Entries {
        /// `scalar` in the source.
        Scalar,
        /// `vec4` in the source.
        Vec4,
    }

    /// The variant with these features.
    pub fn kernel(entries: Entries, half: bool) -> &'static Kernel {
        &VARIANTS[entries as usize * 2 + usize::from(half)]
    }

    pub(crate) static VARIANTS: [Kernel; 4] = [
        Kernel { name: "attention_forward:scalar", entry_point: "attention_forward", pieces: &[WDDD0DC9C, W73AADC56, WBB9C809E, WA8567873, W22F1D1AF, W7E07BE3E, W0580BBFA, WB47D81DF, W6C79CB4D, WAEBBE0F0, W22191FA4, W933FE504, WE32FAE4C, WAFFF447D, W916C3F7F, WC72F97D3, WB5C7D40C, W2A50CB39, W25CD389A, WCE67CEE5, WE66B1E6A, WE1903CE4, W72E0BC8D, W442C162F, W2B285989, W2527EA64, WC5D1E7FF, W3DBC7991, W6E7FB65C, W1F7F7551, W8C736C8B, W6E4387EC, WE4D6983E, WB5EE0001, WD0112C68, W0D6B5DC7, WC3F4079A, W17F15460, W2EB71ADC, W227E8FC1, W7F57DB32], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 9216, reads_z: false },
        Kernel { name: "attention_forward:scalar,half", entry_point: "attention_forward", pieces: &[W148953AA, WDDD0DC9C, W73AADC56, WBB9C809E, WA8567873, W22F1D1AF, W7E07BE3E, W0580BBFA, WB47D81DF, W6C79CB4D, WAEBBE0F0, W472EFBB6, W933FE504, WE32FAE4C, WAFFF447D, W916C3F7F, WC72F97D3, WB5C7D40C, W2A50CB39, W25CD389A, WCE67CEE5, WE66B1E6A, WE1903CE4, W72E0BC8D, W442C162F, W2B285989, W2527EA64, WC5D1E7FF, W3DBC7991, W6E7FB65C, W1F7F7551, W8C736C8B, W6E4387EC, WE4D6983E, WB5EE0001, WD0112C68, W0D6B5DC7, WC3F4079A, W17F15460, W2EB71ADC, W227E8FC1, W7F57DB32], workgroup_size: [64, 1, 1], bindings: BINDINGS_1, workgroup_memory: 9216, reads_z: false },
        Kernel { name: "attention_forward:vec4", entry_point: "attention_forward", pieces: &[WDDD0DC9C, W73AADC56, WBB9C809E, WA8567873, W22F1D1AF, W7E07BE3E, WBE9D6581, W6C79CB4D, WAEBBE0F0, W3CBBE5BA, W933FE504, WE32FAE4C, WAFFF447D, W916C3F7F, WC72F97D3, WB5C7D40C, W2A50CB39, W25CD389A, WCE67CEE5, W7C555BC1, W72E0BC8D, W442C162F, W2B285989, W2527EA64, WC5D1E7FF, W3DBC7991, W6E7FB65C, W1F7F7551, W8C736C8B, W6E4387EC, WE4D6983E, WB5EE0001, WD0112C68, W0D6B5DC7, WC3F4079A, W17F15460, W2EB71ADC, W227E8FC1, W7F57DB32], workgroup_size: [64, 1, 1], bindings: BINDINGS_2, workgroup_memory: 9216, reads_z: false },
        Kernel { name: "attention_forward:vec4,half", entry_point: "attention_forward", pieces: &[W148953AA, WDDD0DC9C, W73AADC56, WBB9C809E, WA8567873, W22F1D1AF, W7E07BE3E, WBE9D6581, W6C79CB4D, WAEBBE0F0, W4967A51A, W933FE504, WE32FAE4C, WAFFF447D, W916C3F7F, WC72F97D3, WB5C7D40C, W2A50CB39, W25CD389A, WCE67CEE5, W7C555BC1, W72E0BC8D, W442C162F, W2B285989, W2527EA64, WC5D1E7FF, W3DBC7991, W6E7FB65C, W1F7F7551, W8C736C8B, W6E4387EC, WE4D6983E, WB5EE0001, WD0112C68, W0D6B5DC7, WC3F4079A, W17F15460, W2EB71ADC, W227E8FC1, W7F57DB32], workgroup_size: [64, 1, 1], bindings: BINDINGS_3, workgroup_memory: 9216, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 64 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "schedule", binding: 2, access: Access::Read, stride: 32 },
        KernelBinding { name: "qkv", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "starts", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 5, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "lse", binding: 6, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 64 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "schedule", binding: 2, access: Access::Read, stride: 32 },
        KernelBinding { name: "qkv", binding: 3, access: Access::Read, stride: 2 },
        KernelBinding { name: "starts", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 5, access: Access::ReadWrite, stride: 2 },
        KernelBinding { name: "lse", binding: 6, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_2: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 64 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "schedule", binding: 2, access: Access::Read, stride: 32 },
        KernelBinding { name: "qkv", binding: 3, access: Access::Read, stride: 16 },
        KernelBinding { name: "starts", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 5, access: Access::ReadWrite, stride: 16 },
        KernelBinding { name: "lse", binding: 6, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_3: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 64 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "schedule", binding: 2, access: Access::Read, stride: 32 },
        KernelBinding { name: "qkv", binding: 3, access: Access::Read, stride: 8 },
        KernelBinding { name: "starts", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 5, access: Access::ReadWrite, stride: 8 },
        KernelBinding { name: "lse", binding: 6, access: Access::ReadWrite, stride: 4 },
    ];
}

/// Attention of decoded chunks to everything in their texts' caches: y[b,t,h] = softmax(cap(q·kᵀ/√D))·v over the last positions up to start + t,
pub mod cached_attention {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// B·T.
        pub rows: u32,
        /// T, rows of a chunk.
        pub time: u32,
        /// H.
        pub heads: u32,
        /// K.
        pub kv_heads: u32,
        /// D.
        pub head_size: u32,
        /// P, rows of a cache.
        pub positions: u32,
        /// 1 / √D.
        pub scale: f32,
        /// 1 where scores have a soft cap, else 0: turns of a loop, since software adapters run both sides of a branch.
        pub capped: u32,
        /// Soft cap of the scaled scores.
        pub softcap: f32,
        /// Parts that the cache is cut into; 1 without a split.
        pub parts: u32,
        /// Positions of a part.
        pub part: u32,
        /// Positions that a query sees, its own included: all, or those of a sliding window.
        pub seen: u32,
    }

    crate::arguments!(48);

    /// The variant with these features.
    pub fn kernel(split: bool) -> &'static Kernel {
        &VARIANTS[usize::from(split)]
    }

    pub(crate) static VARIANTS: [Kernel; 2] = [
        Kernel { name: "cached_attention", entry_point: "cached_attention", pieces: &[W241087D0, WCDB68EB2, W3F9D4582, WE32FAE4C, WAC8E9088, W5EBD0844, WB5353B0D, WAC68C428, W207A1F0F, W16322FA3, WB0E49979, W83E52C54, WD006B592, WD0112C68, W0D6B5DC7, W818D0471, WAB9B026A], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 1536, reads_z: false },
        Kernel { name: "cached_attention:split", entry_point: "cached_attention", pieces: &[W241087D0, WCDB68EB2, W3F9D4582, WE32FAE4C, WAC8E9088, W5EBD0844, WB5353B0D, WAC68C428, WF4941F5B, W16322FA3, WB0E49979, W83E52C54, W6CB86CD6, WD0112C68, W0D6B5DC7, W818D0471, WAB9B026A], workgroup_size: [64, 1, 1], bindings: BINDINGS_1, workgroup_memory: 1536, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "qkv", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "keys", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "values", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "cursor", binding: 4, access: Access::Read, stride: 12 },
        KernelBinding { name: "y", binding: 5, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "qkv", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "keys", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "values", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "cursor", binding: 4, access: Access::Read, stride: 12 },
        KernelBinding { name: "partials", binding: 5, access: Access::ReadWrite, stride: 4 },
    ];
}

/// Puts the parts of decoded chunks' attention together: y[b,t,h] = Σ exp(m[p] − m)·attended[p] / Σ exp(m[p] − m)·total[p], m = max m[p].
pub mod cached_attention_join {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// B·T.
        pub rows: u32,
        /// T, rows of a chunk.
        pub time: u32,
        /// H.
        pub heads: u32,
        /// D.
        pub head_size: u32,
        /// Parts of the cache.
        pub parts: u32,
    }

    crate::arguments!(20);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "cached_attention_join", entry_point: "cached_attention_join", pieces: &[W10263292, WE32FAE4C, W617B01BA, W2E31E36E, WA8D23C4E, WED429B49, WD0112C68, W0D6B5DC7, W818D0471], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "partials", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "cursor", binding: 2, access: Access::Read, stride: 12 },
        KernelBinding { name: "y", binding: 3, access: Access::ReadWrite, stride: 4 },
    ];
}

/// Puts decoded chunks' keys and values into the caches: keys[text, k, start + t, :] = the row's keys, values alike.
pub mod cached_write {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// B·T.
        pub rows: u32,
        /// T, rows of a chunk.
        pub time: u32,
        /// H.
        pub heads: u32,
        /// K.
        pub kv_heads: u32,
        /// D.
        pub head_size: u32,
        /// P, rows of a cache.
        pub positions: u32,
    }

    crate::arguments!(24);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "cached_write", entry_point: "cached_write", pieces: &[W9B3FC55F, WE32FAE4C, WAC8E9088, W2E31E36E, W9EE3FA8E, W5213FDF7, WF858C72F, WD0112C68, W0D6B5DC7, W818D0471], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "qkv", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "cursor", binding: 2, access: Access::Read, stride: 12 },
        KernelBinding { name: "keys", binding: 3, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "values", binding: 4, access: Access::ReadWrite, stride: 4 },
    ];
}

/// The copy of the weights in f16 that matrix products read where training runs in mixed precision: y = half(x).
pub mod cast_f16 {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// Vectors of four in a binding.
        pub count: u32,
    }

    crate::arguments!(4);

    /// Which `width` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Width {
        /// `half` in the source.
        Half,
    }

    /// The variant with these features.
    pub fn kernel(width: Width) -> &'static Kernel {
        &VARIANTS[width as usize]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "cast_f16:half", entry_point: "cast_f16", pieces: &[W148953AA, W52D5860C, WE32FAE4C, WDF30C2A5, WB6206A2B, W241E96AB, WD0112C68, W0D6B5DC7], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "y", binding: 2, access: Access::ReadWrite, stride: 8 },
    ];
}

/// Cross-entropy of each row: (1 − s)·(lse − x[target]) + s·(lse − mean x), lse = ln Σ exp x; 0 where the target is ignored.
pub mod cross_entropy {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N, or fewer where the head is taken in chunks.
        pub rows: u32,
        /// V.
        pub vocabulary: u32,
        /// s.
        pub smoothing: f32,
        /// 1 where there is a target that does not count.
        pub ignoring: u32,
        /// That target.
        pub ignored: u32,
        /// Of the micro-batch, where these are a part of its rows.
        pub first_row: u32,
        /// Rows of a micro-batch.
        pub all_rows: u32,
    }

    crate::arguments!(28);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "cross_entropy", entry_point: "cross_entropy", pieces: &[WE518FE79, WE32FAE4C, WAFFF447D, WE0FC6C0F, WF94D40CC, WF277C6E0, WB8DC39A8, WD0112C68, W0D6B5DC7, WC49E095A, W8240977E, W20827139, W59E6B889, W207F395B, W92660EF3, WC3F4079A], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 1024, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "logits", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "targets", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "rows", binding: 4, access: Access::ReadWrite, stride: 8 },
    ];
}

/// Gradient of the mean cross-entropy: dx[n,j] = f·(exp(x[n,j] − lse[n]) − (1 − s)·[j = target] − s/V), 0 for ignored rows;
pub mod cross_entropy_backward {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N, or fewer where the head is taken in chunks.
        pub rows: u32,
        /// V.
        pub vocabulary: u32,
        /// s.
        pub smoothing: f32,
        /// 1 where there is a target that does not count.
        pub ignoring: u32,
        /// That target.
        pub ignored: u32,
        /// 1 / number of micro-batches.
        pub scale: f32,
        /// 1 where rows have weights.
        pub weighted: u32,
        /// Of the micro-batch, where these are a part of its rows.
        pub first_row: u32,
        /// Rows of a micro-batch.
        pub all_rows: u32,
    }

    crate::arguments!(36);

    /// The variant with these features.
    pub fn kernel(half: bool) -> &'static Kernel {
        &VARIANTS[usize::from(half)]
    }

    pub(crate) static VARIANTS: [Kernel; 2] = [
        Kernel { name: "cross_entropy_backward", entry_point: "cross_entropy_backward", pieces: &[W422492D2, WE32FAE4C, WAFFF447D, WE0FC6C0F, WF94D40CC, WFF997C53, WF5024ECD, W839EE6F6, W18BF1AF4, WD0112C68, W0D6B5DC7, WC3F4079A, W22191FA4], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
        Kernel { name: "cross_entropy_backward:half", entry_point: "cross_entropy_backward", pieces: &[W148953AA, W422492D2, WE32FAE4C, WAFFF447D, WE0FC6C0F, WF94D40CC, WFF997C53, WF5024ECD, W839EE6F6, W18BF1AF4, WD0112C68, W0D6B5DC7, WC3F4079A, W472EFBB6], workgroup_size: [256, 1, 1], bindings: BINDINGS_1, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "logits", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "targets", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "rows", binding: 4, access: Access::Read, stride: 8 },
        KernelBinding { name: "share", binding: 5, access: Access::Read, stride: 4 },
        KernelBinding { name: "dx", binding: 6, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "logits", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "targets", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "rows", binding: 4, access: Access::Read, stride: 8 },
        KernelBinding { name: "share", binding: 5, access: Access::Read, stride: 4 },
        KernelBinding { name: "dx", binding: 6, access: Access::ReadWrite, stride: 2 },
    ];
}

/// Mean loss over the rows that count, and how many do: loss = (Σ row losses / count, count), (0, 0) if none counts. Where the
pub mod cross_entropy_mean {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N.
        pub rows: u32,
        /// 1 where there is a target that does not count.
        pub ignoring: u32,
        /// That target.
        pub ignored: u32,
    }

    crate::arguments!(12);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "cross_entropy_mean", entry_point: "cross_entropy_mean", pieces: &[W4B9B15F6, WE32FAE4C, WAFFF447D, W916C3F7F, W306B62DB, WB9701902, WD815FFC7, WEED2987C, WE1CC669F, WC3F4079A, W17F15460, WC1016DA6, W59E6B889, W207F395B], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 1024, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "schedule", binding: 2, access: Access::Read, stride: 32 },
        KernelBinding { name: "rows", binding: 3, access: Access::Read, stride: 8 },
        KernelBinding { name: "targets", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "loss", binding: 5, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "reports", binding: 6, access: Access::ReadWrite, stride: 44 },
    ];
}

/// Gives the model the next tokens of each row's text: up to T tokens of the history that it has not read yet.
pub mod decode_feed {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// T, tokens of a chunk.
        pub time: u32,
        /// Entries of a history.
        pub capacity: u32,
    }

    crate::arguments!(8);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "decode_feed", entry_point: "decode_feed", pieces: &[W241087D0, W87E8E882, WE32FAE4C, WAB1E1210, W5B97CD25, W34D7088B, W5340E79E, W07ADB682, W2CE382E2, W5165C143, W818D0471, W3913BA94, WC4D00E00], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "settings", binding: 1, access: Access::Read, stride: 64 },
        KernelBinding { name: "state", binding: 2, access: Access::ReadWrite, stride: 16 },
        KernelBinding { name: "history", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "cursor", binding: 4, access: Access::ReadWrite, stride: 12 },
        KernelBinding { name: "tokens", binding: 5, access: Access::ReadWrite, stride: 4 },
    ];
}

/// Loss of each row against a teacher: (1 − m)·(lse(x) − x[target]) + m·T²·Σ q·(ln q − ln p), p = softmax(x/T), q = softmax(t/T),
pub mod distil {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N.
        pub rows: u32,
        /// V.
        pub vocabulary: u32,
        /// T.
        pub temperature: f32,
        /// m.
        pub mix: f32,
        /// 1 where there is a target that does not count.
        pub ignoring: u32,
        /// That target.
        pub ignored: u32,
    }

    crate::arguments!(24);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "distil", entry_point: "distil", pieces: &[W68C02DCB, WE32FAE4C, WAFFF447D, WE0FC6C0F, W25180BEE, WB9701902, WABF77109, W0C09C968, W19486F73, WD0112C68, W0D6B5DC7, W59E6B889, W207F395B, W92660EF3, WC3F4079A], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 1024, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "logits", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "teacher", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "targets", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "rows", binding: 5, access: Access::ReadWrite, stride: 8 },
        KernelBinding { name: "softened", binding: 6, access: Access::ReadWrite, stride: 8 },
    ];
}

/// Gradient of the mean loss against a teacher: dx[n,j] = f·((1 − m)·(exp(x[n,j] − lse[n]) − [j = target]) + m·T·(p[n,j] − q[n,j])), 0 for
pub mod distil_backward {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N.
        pub rows: u32,
        /// V.
        pub vocabulary: u32,
        /// T.
        pub temperature: f32,
        /// m.
        pub mix: f32,
        /// 1 where there is a target that does not count.
        pub ignoring: u32,
        /// That target.
        pub ignored: u32,
        /// 1 / number of micro-batches.
        pub scale: f32,
    }

    crate::arguments!(28);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "distil_backward", entry_point: "distil_backward", pieces: &[WEA0773DF, WE32FAE4C, WAFFF447D, WE0FC6C0F, W25180BEE, WB9701902, W065C1E47, W2E620B16, WA18F9AB3, W0F935709, W5C441047, WD0112C68, W0D6B5DC7, WC3F4079A], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "logits", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "teacher", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "targets", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "rows", binding: 5, access: Access::Read, stride: 8 },
        KernelBinding { name: "softened", binding: 6, access: Access::Read, stride: 8 },
        KernelBinding { name: "loss", binding: 7, access: Access::Read, stride: 4 },
        KernelBinding { name: "dx", binding: 8, access: Access::ReadWrite, stride: 4 },
    ];
}

/// Dropout: y = x·mask/(1 − rate) (+ r), the mask drawn for each entry from (seed, site, index).
pub mod dropout {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// Entries of a binding: floats, or vectors of four.
        pub count: u32,
        /// Number of the dropout site.
        pub site: u32,
        /// Random bits below it drop the entry.
        pub threshold: u32,
        /// 1 / (1 − rate).
        pub scale: f32,
    }

    crate::arguments!(16);

    /// Which `entries` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Entries {
        /// `scalar` in the source.
        Scalar,
        /// `vec4` in the source.
        Vec4,
    }

    /// The variant with these features, if there is one: not all go together.
    pub fn kernel(entries: Entries, residual: bool, x_half: bool, y_half: bool) -> Option<&'static Kernel> {
        const PLACES: [Option<u16>; 16] = [Some(0), None, None, None, Some(1), None, None, None, Some(2), Some(3), Some(4), None, Some(5), None, Some(6), None];
        PLACES.get(entries as usize * 8 + usize::from(residual) * 4 + usize::from(x_half) * 2 + usize::from(y_half))?.map(|place| &VARIANTS[usize::from(place)])
    }

    pub(crate) static VARIANTS: [Kernel; 7] = [
        Kernel { name: "dropout:scalar", entry_point: "dropout", pieces: &[W34F5DD3B, W75FF3118, W0B04FDF7, WE32FAE4C, WAFFF447D, W916C3F7F, W330C6669, WBA04B137, W99EAAC9B, W1ABD980C, WD0112C68, W0D6B5DC7, W227E8FC1, W7F57DB32, WC3F4079A, W17F15460, W7D143630], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
        Kernel { name: "dropout:scalar,residual", entry_point: "dropout", pieces: &[W34F5DD3B, W75FF3118, W0B04FDF7, WE32FAE4C, WAFFF447D, W916C3F7F, W330C6669, WBA04B137, W2EF5C0B1, W99EAAC9B, W62732BF9, WD0112C68, W0D6B5DC7, W227E8FC1, W7F57DB32, WC3F4079A, W17F15460, W7D143630], workgroup_size: [256, 1, 1], bindings: BINDINGS_1, workgroup_memory: 0, reads_z: false },
        Kernel { name: "dropout:vec4", entry_point: "dropout", pieces: &[W34F5DD3B, W75FF3118, W0B04FDF7, WE32FAE4C, WAFFF447D, W916C3F7F, W330C6669, WBA04B137, W99EAAC9B, W6E75B6E6, WD0112C68, W0D6B5DC7, W227E8FC1, W7F57DB32, WC3F4079A, W17F15460, W263D55F6], workgroup_size: [256, 1, 1], bindings: BINDINGS_2, workgroup_memory: 0, reads_z: false },
        Kernel { name: "dropout:vec4,y_half", entry_point: "dropout", pieces: &[W148953AA, W34F5DD3B, W59A5B3E4, W0B04FDF7, WE32FAE4C, WAFFF447D, W916C3F7F, W330C6669, WBA04B137, W99EAAC9B, W6E75B6E6, WD0112C68, W0D6B5DC7, W227E8FC1, W7F57DB32, WC3F4079A, W17F15460, W263D55F6], workgroup_size: [256, 1, 1], bindings: BINDINGS_3, workgroup_memory: 0, reads_z: false },
        Kernel { name: "dropout:vec4,x_half", entry_point: "dropout", pieces: &[W148953AA, W09BB2A69, W75FF3118, W0B04FDF7, WE32FAE4C, WAFFF447D, W916C3F7F, W330C6669, WBA04B137, W99EAAC9B, W6E75B6E6, WD0112C68, W0D6B5DC7, W227E8FC1, W7F57DB32, WC3F4079A, W17F15460, W263D55F6], workgroup_size: [256, 1, 1], bindings: BINDINGS_4, workgroup_memory: 0, reads_z: false },
        Kernel { name: "dropout:vec4,residual", entry_point: "dropout", pieces: &[W34F5DD3B, W75FF3118, W0B04FDF7, WE32FAE4C, WAFFF447D, W916C3F7F, W330C6669, WBA04B137, W2EF5C0B1, W99EAAC9B, W44C2134E, WD0112C68, W0D6B5DC7, W227E8FC1, W7F57DB32, WC3F4079A, W17F15460, W263D55F6], workgroup_size: [256, 1, 1], bindings: BINDINGS_5, workgroup_memory: 0, reads_z: false },
        Kernel { name: "dropout:vec4,residual,x_half", entry_point: "dropout", pieces: &[W148953AA, W09BB2A69, W75FF3118, W0B04FDF7, WE32FAE4C, WAFFF447D, W916C3F7F, W330C6669, WBA04B137, W2EF5C0B1, W99EAAC9B, W44C2134E, WD0112C68, W0D6B5DC7, W227E8FC1, W7F57DB32, WC3F4079A, W17F15460, W263D55F6], workgroup_size: [256, 1, 1], bindings: BINDINGS_6, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "schedule", binding: 2, access: Access::Read, stride: 32 },
        KernelBinding { name: "x", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 4, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "schedule", binding: 2, access: Access::Read, stride: 32 },
        KernelBinding { name: "x", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 4, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "r", binding: 5, access: Access::Read, stride: 4 },
    ];
    const BINDINGS_2: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "schedule", binding: 2, access: Access::Read, stride: 32 },
        KernelBinding { name: "x", binding: 3, access: Access::Read, stride: 16 },
        KernelBinding { name: "y", binding: 4, access: Access::ReadWrite, stride: 16 },
    ];
    const BINDINGS_3: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "schedule", binding: 2, access: Access::Read, stride: 32 },
        KernelBinding { name: "x", binding: 3, access: Access::Read, stride: 16 },
        KernelBinding { name: "y", binding: 4, access: Access::ReadWrite, stride: 8 },
    ];
    const BINDINGS_4: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "schedule", binding: 2, access: Access::Read, stride: 32 },
        KernelBinding { name: "x", binding: 3, access: Access::Read, stride: 8 },
        KernelBinding { name: "y", binding: 4, access: Access::ReadWrite, stride: 16 },
    ];
    const BINDINGS_5: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "schedule", binding: 2, access: Access::Read, stride: 32 },
        KernelBinding { name: "x", binding: 3, access: Access::Read, stride: 16 },
        KernelBinding { name: "y", binding: 4, access: Access::ReadWrite, stride: 16 },
        KernelBinding { name: "r", binding: 5, access: Access::Read, stride: 16 },
    ];
    const BINDINGS_6: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "schedule", binding: 2, access: Access::Read, stride: 32 },
        KernelBinding { name: "x", binding: 3, access: Access::Read, stride: 8 },
        KernelBinding { name: "y", binding: 4, access: Access::ReadWrite, stride: 16 },
        KernelBinding { name: "r", binding: 5, access: Access::Read, stride: 16 },
    ];
}

/// Embedding: y[b,t,:] = table[tokens[b,t],:] (+ positions[start + t,:]).
pub mod embedding {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// B·T.
        pub tokens: u32,
        /// T.
        pub time: u32,
        /// C, in entries.
        pub channels: u32,
        /// V.
        pub vocabulary: u32,
        /// P.
        pub limit: u32,
        /// The first row of the table that is bound.
        pub first: u32,
        /// How many are: V, or fewer.
        pub rows: u32,
        /// 1 adds positions; else anything may be bound there.
        pub positioned: u32,
        /// 1 starts at the cursor; likewise.
        pub moved: u32,
    }

    crate::arguments!(36);

    /// Which `entries` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Entries {
        /// `scalar` in the source.
        Scalar,
        /// `vec4` in the source.
        Vec4,
        /// `half` in the source.
        Half,
        /// `q8_0` in the source.
        Q80,
        /// `q4_0` in the source.
        Q40,
    }

    impl Entries {
        /// The one for a quantised format, by its GGUF name.
        pub fn quantised(name: &str) -> Option<Self> {
            let known = [("Q8_0", Self::Q80), ("Q4_0", Self::Q40)];
            known.into_iter().find(|known| known.0 == name).map(|known| known.1)
        }
    }

    /// The variant with these features.
    pub fn kernel(entries: Entries) -> &'static Kernel {
        &VARIANTS[entries as usize]
    }

    pub(crate) static VARIANTS: [Kernel; 5] = [
        Kernel { name: "embedding:scalar", entry_point: "embedding", pieces: &[WB20CC15A, WE32FAE4C, WAFFF447D, WA0BF5FCC, W9545BC88, W2CA8F197, W53371992, W28AD0593, WEDE0F26C, WD1BD6200, WD0112C68, W0D6B5DC7, WC3F4079A, W818D0471, W7D143630, W5A1CE584], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
        Kernel { name: "embedding:vec4", entry_point: "embedding", pieces: &[WB20CC15A, WE32FAE4C, WAFFF447D, WA0BF5FCC, W9545BC88, W2CA8F197, W53371992, W28AD0593, WEDE0F26C, WD1BD6200, WD0112C68, W0D6B5DC7, WC3F4079A, W818D0471, W263D55F6, W5A1CE584], workgroup_size: [256, 1, 1], bindings: BINDINGS_1, workgroup_memory: 0, reads_z: false },
        Kernel { name: "embedding:half", entry_point: "embedding", pieces: &[W148953AA, WB20CC15A, WE32FAE4C, WAFFF447D, WA0BF5FCC, W9545BC88, W2CA8F197, W53371992, W28AD0593, WEDE0F26C, WD1BD6200, WD0112C68, W0D6B5DC7, WC3F4079A, W818D0471, W263D55F6, W4967A51A], workgroup_size: [256, 1, 1], bindings: BINDINGS_2, workgroup_memory: 0, reads_z: false },
        Kernel { name: "embedding:q8_0", entry_point: "embedding", pieces: &[WB20CC15A, WE32FAE4C, WAFFF447D, W9545BC88, W2CA8F197, W53371992, W28AD0593, WD24DFD8D, WD1BD6200, WD0112C68, W0D6B5DC7, WC3F4079A, W818D0471, W263D55F6, WB1E903B4, W102C8370, W11F24865, W10EDD64A], workgroup_size: [256, 1, 1], bindings: BINDINGS_3, workgroup_memory: 0, reads_z: false },
        Kernel { name: "embedding:q4_0", entry_point: "embedding", pieces: &[WB20CC15A, WE32FAE4C, WAFFF447D, W9545BC88, W2CA8F197, W53371992, W28AD0593, WD24DFD8D, WD1BD6200, WD0112C68, W0D6B5DC7, WC3F4079A, W818D0471, W263D55F6, WB1E903B4, W6F28A13E, W3E0C42B8, W10EDD64A], workgroup_size: [256, 1, 1], bindings: BINDINGS_3, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "table", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "tokens", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 4, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "positions", binding: 5, access: Access::Read, stride: 4 },
        KernelBinding { name: "cursor", binding: 6, access: Access::Read, stride: 12 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "table", binding: 2, access: Access::Read, stride: 16 },
        KernelBinding { name: "tokens", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 4, access: Access::ReadWrite, stride: 16 },
        KernelBinding { name: "positions", binding: 5, access: Access::Read, stride: 16 },
        KernelBinding { name: "cursor", binding: 6, access: Access::Read, stride: 12 },
    ];
    const BINDINGS_2: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "table", binding: 2, access: Access::Read, stride: 8 },
        KernelBinding { name: "tokens", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 4, access: Access::ReadWrite, stride: 16 },
        KernelBinding { name: "positions", binding: 5, access: Access::Read, stride: 16 },
        KernelBinding { name: "cursor", binding: 6, access: Access::Read, stride: 12 },
    ];
    const BINDINGS_3: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "tokens", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 4, access: Access::ReadWrite, stride: 16 },
        KernelBinding { name: "positions", binding: 5, access: Access::Read, stride: 16 },
        KernelBinding { name: "cursor", binding: 6, access: Access::Read, stride: 12 },
    ];
}

/// Gradient of the embedding's table: dtable[v,:] += Σ dy[n,:] over the positions n that hold v.
pub mod embedding_backward {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N.
        pub count: u32,
        /// C, in entries.
        pub channels: u32,
        /// Workgroups for a position.
        pub chunks: u32,
        /// The first row of the table that is bound.
        pub first: u32,
        /// How many are: V, or fewer.
        pub rows: u32,
    }

    crate::arguments!(20);

    /// Which `entries` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Entries {
        /// `scalar` in the source.
        Scalar,
        /// `vec4` in the source.
        Vec4,
    }

    /// The variant with these features.
    pub fn kernel(entries: Entries) -> &'static Kernel {
        &VARIANTS[entries as usize]
    }

    pub(crate) static VARIANTS: [Kernel; 2] = [
        Kernel { name: "embedding_backward:scalar", entry_point: "embedding_backward", pieces: &[WDB5B2CA4, WE32FAE4C, WAFFF447D, W8DB3E444, W9545BC88, W8855A2ED, W97EAE26D, W228991E1, W082EFEFB, W93ABBE2C, WD0112C68, W0D6B5DC7, WC3F4079A, W7D143630], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 1024, reads_z: false },
        Kernel { name: "embedding_backward:vec4", entry_point: "embedding_backward", pieces: &[WDB5B2CA4, WE32FAE4C, WAFFF447D, W8DB3E444, W9545BC88, W8855A2ED, W97EAE26D, W228991E1, W082EFEFB, W93ABBE2C, WD0112C68, W0D6B5DC7, WC3F4079A, W263D55F6], workgroup_size: [256, 1, 1], bindings: BINDINGS_1, workgroup_memory: 4096, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "dy", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "tokens", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "order", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "dtable", binding: 5, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "dy", binding: 2, access: Access::Read, stride: 16 },
        KernelBinding { name: "tokens", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "order", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "dtable", binding: 5, access: Access::ReadWrite, stride: 16 },
    ];
}

/// Share of the rows that chose each expert, those whose gate is not 0, among those whose own share is not 0.
pub mod expert_load {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N.
        pub rows: u32,
        /// E.
        pub experts: u32,
    }

    crate::arguments!(8);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "expert_load", entry_point: "expert_load", pieces: &[WBA95A359, WE32FAE4C, W82232E4C, WE8DD7BCA, WE569B06E, W601B625A, W98609812, WD0112C68, W0D6B5DC7, WC3F4079A, W59E6B889, W207F395B], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 1024, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "gates", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "control", binding: 2, access: Access::Read, stride: 24 },
        KernelBinding { name: "shares", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "load", binding: 4, access: Access::ReadWrite, stride: 4 },
    ];
}

/// Gate: y[n,f] = g(x[n,f])·x[n,F+f], g = SiLU (SwiGLU) or tanh-GELU (GeGLU); x [N,2F], y [N,F].
pub mod gate {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// Entries of y.
        pub count: u32,
        /// F, in entries.
        pub hidden: u32,
        /// g, by its number in shared/curves.wgsl.
        pub kind: u32,
    }

    crate::arguments!(12);

    /// Which `entries` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Entries {
        /// `scalar` in the source.
        Scalar,
        /// `vec4` in the source.
        Vec4,
        /// `half` in the source.
        Half,
    }

    /// The variant with these features.
    pub fn kernel(entries: Entries) -> &'static Kernel {
        &VARIANTS[entries as usize]
    }

    pub(crate) static VARIANTS: [Kernel; 3] = [
        Kernel { name: "gate:scalar", entry_point: "gate", pieces: &[WC9FA7359, WE32FAE4C, W46B41050, WEF7DE9F2, W08200387, WD0112C68, W0D6B5DC7, W5A1CE584, W7D143630, WF991F24F, W10BFAA5C, WE19D1E76, WAA4FC580, W2FCACB87, WDAE1E500, W0EB92106, W7CC6EE24, W14470637, W45A8A576, W28BEA53E, W15135189, W1F3FA7DF, W609A706A], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
        Kernel { name: "gate:vec4", entry_point: "gate", pieces: &[WC9FA7359, WE32FAE4C, W46B41050, WEF7DE9F2, W08200387, WD0112C68, W0D6B5DC7, W5A1CE584, W263D55F6, WF991F24F, W10BFAA5C, WE19D1E76, WAA4FC580, W2FCACB87, WDAE1E500, W0EB92106, W7CC6EE24, W14470637, W45A8A576, W28BEA53E, W15135189, W1F3FA7DF, W609A706A], workgroup_size: [256, 1, 1], bindings: BINDINGS_1, workgroup_memory: 0, reads_z: false },
        Kernel { name: "gate:half", entry_point: "gate", pieces: &[W148953AA, WC9FA7359, WE32FAE4C, W46B41050, WEF7DE9F2, W08200387, WD0112C68, W0D6B5DC7, W4967A51A, WF991F24F, W10BFAA5C, WE19D1E76, WAA4FC580, W2FCACB87, W263D55F6, WDAE1E500, W0EB92106, W7CC6EE24, W14470637, W45A8A576, W28BEA53E, W15135189, W1F3FA7DF, W609A706A], workgroup_size: [256, 1, 1], bindings: BINDINGS_2, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 2, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "y", binding: 2, access: Access::ReadWrite, stride: 16 },
    ];
    const BINDINGS_2: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 8 },
        KernelBinding { name: "y", binding: 2, access: Access::ReadWrite, stride: 8 },
    ];
}

/// Gradient of a gate: of y[n,f] = g(x[n,f])·x[n,F+f], dx[n,f] = dy·x[n,F+f]·g′(x[n,f]), dx[n,F+f] = dy·g(x[n,f]).
pub mod gate_backward {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// Entries of dy.
        pub count: u32,
        /// F, in entries.
        pub hidden: u32,
        /// g, by its number in shared/curves.wgsl.
        pub kind: u32,
    }

    crate::arguments!(12);

    /// Which `entries` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Entries {
        /// `scalar` in the source.
        Scalar,
        /// `vec4` in the source.
        Vec4,
        /// `half` in the source.
        Half,
    }

    /// The variant with these features.
    pub fn kernel(entries: Entries) -> &'static Kernel {
        &VARIANTS[entries as usize]
    }

    pub(crate) static VARIANTS: [Kernel; 3] = [
        Kernel { name: "gate_backward:scalar", entry_point: "gate_backward", pieces: &[WC9FA7359, WE32FAE4C, W46B41050, W65B9B19F, WC21F081B, WD789EB2C, WD0112C68, W0D6B5DC7, W7D143630, W5A1CE584, WF991F24F, W10BFAA5C, WE19D1E76, WAA4FC580, W2FCACB87, W051304C3, WDAE1E500, W0EB92106, W274FE0DB, W7CC6EE24, W14470637, W45A8A576, W28BEA53E, W15135189, W963E2A0A, W1F3FA7DF, W37F0954B, W609A706A, WEEB6BA7C], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
        Kernel { name: "gate_backward:vec4", entry_point: "gate_backward", pieces: &[WC9FA7359, WE32FAE4C, W46B41050, W65B9B19F, WC21F081B, WD789EB2C, WD0112C68, W0D6B5DC7, W263D55F6, W5A1CE584, WF991F24F, W10BFAA5C, WE19D1E76, WAA4FC580, W2FCACB87, W051304C3, WDAE1E500, W0EB92106, W274FE0DB, W7CC6EE24, W14470637, W45A8A576, W28BEA53E, W15135189, W963E2A0A, W1F3FA7DF, W37F0954B, W609A706A, WEEB6BA7C], workgroup_size: [256, 1, 1], bindings: BINDINGS_1, workgroup_memory: 0, reads_z: false },
        Kernel { name: "gate_backward:half", entry_point: "gate_backward", pieces: &[W148953AA, WC9FA7359, WE32FAE4C, W46B41050, W65B9B19F, WC21F081B, WD789EB2C, WD0112C68, W0D6B5DC7, W263D55F6, W4967A51A, WF991F24F, W10BFAA5C, WE19D1E76, WAA4FC580, W2FCACB87, W051304C3, WDAE1E500, W0EB92106, W274FE0DB, W7CC6EE24, W14470637, W45A8A576, W28BEA53E, W15135189, W963E2A0A, W1F3FA7DF, W37F0954B, W609A706A, WEEB6BA7C], workgroup_size: [256, 1, 1], bindings: BINDINGS_2, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "dy", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "dx", binding: 3, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "dy", binding: 2, access: Access::Read, stride: 16 },
        KernelBinding { name: "dx", binding: 3, access: Access::ReadWrite, stride: 16 },
    ];
    const BINDINGS_2: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 8 },
        KernelBinding { name: "dy", binding: 2, access: Access::Read, stride: 8 },
        KernelBinding { name: "dx", binding: 3, access: Access::ReadWrite, stride: 8 },
    ];
}

/// Global norm of the gradient and what follows from it: the factor min(1, clip/(norm + 1e-6)), or the decision to skip the
pub mod gradient_norm {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// Partials.
        pub count: u32,
        /// Largest norm; 0 is no clipping.
        pub clip: f32,
        /// Good steps in a row that double the loss scale; 0 leaves it as it is.
        pub interval: u32,
    }

    crate::arguments!(12);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "gradient_norm", entry_point: "gradient_norm", pieces: &[W24A8D4AD, WE32FAE4C, W91E6CA01, W39C15BBC, W87B7AFC9, WAD75D374, W59E6B889, W207F395B, WC3F4079A, WC1016DA6], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 1024, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "partials", binding: 1, access: Access::Read, stride: 8 },
        KernelBinding { name: "control", binding: 2, access: Access::ReadWrite, stride: 24 },
        KernelBinding { name: "reports", binding: 3, access: Access::ReadWrite, stride: 44 },
    ];
}

/// First stage of the gradient's norm: sums of squares over pieces of the gradient arena, and how many entries are not finite.
pub mod gradient_squares {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// Vectors of four in a range.
        pub count: u32,
        /// Workgroups.
        pub groups: u32,
        /// Where this launch's partials begin.
        pub first: u32,
    }

    crate::arguments!(12);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "gradient_squares", entry_point: "gradient_squares", pieces: &[W484BA555, WE32FAE4C, W63002B0B, WD863BF4C, WEB7BB3D1, W59E6B889, W207F395B], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 1024, reads_z: true },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "gradients", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "partials", binding: 2, access: Access::ReadWrite, stride: 8 },
    ];
}

/// RMSNorm of each query and key head, or of all queries and all keys: y = x·ρ·w, ρ = 1/√(mean x² + eps); values pass.
pub mod head_norm {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N.
        pub rows: u32,
        /// Groups of queries normed together: H, or 1.
        pub queries: u32,
        /// Channels of each: D, or H·D.
        pub query_size: u32,
        /// Groups of keys: K, or 1.
        pub keys: u32,
        /// Channels of each: D, or K·D.
        pub key_size: u32,
        /// Added to the mean square.
        pub eps: f32,
    }

    crate::arguments!(24);

    /// The variant with these features.
    pub fn kernel(half: bool) -> &'static Kernel {
        &VARIANTS[usize::from(half)]
    }

    pub(crate) static VARIANTS: [Kernel; 2] = [
        Kernel { name: "head_norm", entry_point: "head_norm", pieces: &[WC52EC34A, WE32FAE4C, W46B41050, W1C93FFA7, W3AE8E973, W8F2AD501, W4B768CEE, WDB47C0DC, WD0112C68, W0D6B5DC7, W2CCC3C8D, W22191FA4], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
        Kernel { name: "head_norm:half", entry_point: "head_norm", pieces: &[W148953AA, WC52EC34A, WE32FAE4C, W46B41050, W1C93FFA7, W3AE8E973, W8F2AD501, W4B768CEE, WDB47C0DC, WD0112C68, W0D6B5DC7, W2CCC3C8D, W472EFBB6], workgroup_size: [64, 1, 1], bindings: BINDINGS_1, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "query_scale", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "key_scale", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 4, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "roots", binding: 5, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 2 },
        KernelBinding { name: "query_scale", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "key_scale", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 4, access: Access::ReadWrite, stride: 2 },
        KernelBinding { name: "roots", binding: 5, access: Access::ReadWrite, stride: 4 },
    ];
}

/// Gradient of the norm of query and key heads.
pub mod head_norm_backward {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N.
        pub rows: u32,
        /// Groups of queries normed together: H, or 1.
        pub queries: u32,
        /// Channels of each: D, or H·D.
        pub query_size: u32,
        /// Groups of keys: K, or 1.
        pub keys: u32,
        /// Channels of each: D, or K·D.
        pub key_size: u32,
    }

    crate::arguments!(20);

    /// The variant with these features.
    pub fn kernel(half: bool) -> &'static Kernel {
        &VARIANTS[usize::from(half)]
    }

    pub(crate) static VARIANTS: [Kernel; 2] = [
        Kernel { name: "head_norm_backward", entry_point: "head_norm_backward", pieces: &[WDC696AAE, WE32FAE4C, W46B41050, W1C93FFA7, W3AE8E973, WF55E471B, WAC4779A4, W839EE6F6, W6FF4D5B5, WD0112C68, W0D6B5DC7, W2CCC3C8D, W22191FA4], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
        Kernel { name: "head_norm_backward:half", entry_point: "head_norm_backward", pieces: &[W148953AA, WDC696AAE, WE32FAE4C, W46B41050, W1C93FFA7, W3AE8E973, WF55E471B, WAC4779A4, W839EE6F6, W6FF4D5B5, WD0112C68, W0D6B5DC7, W2CCC3C8D, W472EFBB6], workgroup_size: [64, 1, 1], bindings: BINDINGS_1, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "query_scale", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "key_scale", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "roots", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "dy", binding: 5, access: Access::Read, stride: 4 },
        KernelBinding { name: "dx", binding: 6, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 2 },
        KernelBinding { name: "query_scale", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "key_scale", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "roots", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "dy", binding: 5, access: Access::Read, stride: 2 },
        KernelBinding { name: "dx", binding: 6, access: Access::ReadWrite, stride: 2 },
    ];
}

/// Gradient of the query and key heads' scales, first part: sums over a segment of the rows.
pub mod head_norm_weight_partial {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N.
        pub rows: u32,
        /// Groups of queries normed together: H, or 1.
        pub queries: u32,
        /// Channels of each: D, or H·D.
        pub query_size: u32,
        /// Groups of keys: K, or 1.
        pub keys: u32,
        /// Channels of each: D, or K·D.
        pub key_size: u32,
        /// S.
        pub segments: u32,
        /// Rows of all segments but perhaps the last.
        pub rows_in_segment: u32,
    }

    crate::arguments!(28);

    /// The variant with these features.
    pub fn kernel(half: bool) -> &'static Kernel {
        &VARIANTS[usize::from(half)]
    }

    pub(crate) static VARIANTS: [Kernel; 2] = [
        Kernel { name: "head_norm_weight_partial", entry_point: "head_norm_weight_partial", pieces: &[W6B8F2FA4, WE32FAE4C, W46B41050, WA07233F3, W928779A0, W54FC0660, W9CAD8F74, WD0112C68, W0D6B5DC7, W2CCC3C8D, W22191FA4], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
        Kernel { name: "head_norm_weight_partial:half", entry_point: "head_norm_weight_partial", pieces: &[W148953AA, W6B8F2FA4, WE32FAE4C, W46B41050, WA07233F3, W928779A0, W54FC0660, W9CAD8F74, WD0112C68, W0D6B5DC7, W2CCC3C8D, W472EFBB6], workgroup_size: [64, 1, 1], bindings: BINDINGS_1, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "roots", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "dy", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "partial_sums", binding: 4, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 2 },
        KernelBinding { name: "roots", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "dy", binding: 3, access: Access::Read, stride: 2 },
        KernelBinding { name: "partial_sums", binding: 4, access: Access::ReadWrite, stride: 4 },
    ];
}

/// JumpReLU, y = x where x > θ, else 0, or its gradients: dx = dy where x > θ, and that of log θ from a straight-through estimator.
pub mod jump_relu {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N.
        pub rows: u32,
        /// F.
        pub columns: u32,
        /// ε.
        pub bandwidth: f32,
        /// λ / number of micro-batches; 0 where any buffer may be bound as loss.
        pub penalty: f32,
        /// 1 where there is a target that does not count.
        pub ignoring: u32,
        /// That target.
        pub ignored: u32,
    }

    crate::arguments!(24);

    /// The variant with these features.
    pub fn kernel(backward: bool) -> &'static Kernel {
        &VARIANTS[usize::from(backward)]
    }

    pub(crate) static VARIANTS: [Kernel; 2] = [
        Kernel { name: "jump_relu", entry_point: "jump_relu", pieces: &[W1B34689B, WE32FAE4C, W92E6200A, W5E498EB9, WA8D23C4E, W010CBFBE, WD0112C68, W0D6B5DC7], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
        Kernel { name: "jump_relu:backward", entry_point: "jump_relu", pieces: &[W1B34689B, WE32FAE4C, W92E6200A, W5E498EB9, WB6B2018C, W46216659, W5D890B68, WC30D1A42, W005C8EA1, WA0B4DFA3, W5D5C861E, WD0112C68, W0D6B5DC7, WC3F4079A], workgroup_size: [256, 1, 1], bindings: BINDINGS_1, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "log_threshold", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 3, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "log_threshold", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "dy", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "control", binding: 4, access: Access::Read, stride: 24 },
        KernelBinding { name: "targets", binding: 5, access: Access::Read, stride: 4 },
        KernelBinding { name: "loss", binding: 6, access: Access::Read, stride: 4 },
        KernelBinding { name: "dx", binding: 7, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "dlog_threshold", binding: 8, access: Access::ReadWrite, stride: 4 },
    ];
}

/// Each chunk's last real row: y[b,c] = x[b, length − 1, c], x [B,T,C], cursor [B] (start, length, text).
pub mod last_row {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// B.
        pub batch: u32,
        /// T.
        pub time: u32,
        /// C.
        pub columns: u32,
    }

    crate::arguments!(12);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "last_row", entry_point: "last_row", pieces: &[WE9F1BB53, WE32FAE4C, W92E6200A, W2E31E36E, WA8D23C4E, WBE207EAE, WD0112C68, W0D6B5DC7, W818D0471], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "cursor", binding: 2, access: Access::Read, stride: 12 },
        KernelBinding { name: "y", binding: 3, access: Access::ReadWrite, stride: 4 },
    ];
}

/// Linear layer by cooperative matrices: y = x·wᵀ (+ b) (+ r).
pub mod linear_cooperative {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    pub use crate::linear::Arguments;

    /// Which `side` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Side {
        /// `cooperative8` in the source.
        Cooperative8,
        /// `cooperative16` in the source.
        Cooperative16,
    }

    /// Which `operands` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Operands {
        /// `vec4` in the source.
        Vec4,
        /// `half` in the source.
        Half,
    }

    /// The variant with these features, if there is one: not all go together.
    pub fn kernel(side: Side, operands: Operands, half_out: bool) -> Option<&'static Kernel> {
        const PLACES: [Option<u16>; 8] = [Some(0), None, Some(1), Some(2), Some(3), None, Some(4), Some(5)];
        PLACES.get(side as usize * 4 + operands as usize * 2 + usize::from(half_out))?.map(|place| &VARIANTS[usize::from(place)])
    }

    pub(crate) static VARIANTS: [Kernel; 6] = [
        Kernel { name: "linear_cooperative:cooperative8,vec4", entry_point: "linear_cooperative", pieces: &[WF6360019, W3B2C6AE2, WCDDF94C5, WB1561CB2, W97942A5C, WD5A35BA8, WA55A1C43, W572E4D51, W59C64083, WD0112C68, W0D6B5DC7, WB36551D1, WE32FAE4C, W86909ABB, W30A2EAC1, WD5FDCB66, WF60888A1, W44C9D9A5, W46ED89E7, WEC36ACE0, W516ACE37, WC80026D9, W98FC6BBD, W5E3B7866, W587D9BD5, W7AE9F516, WD1D867AB, WC9460618, W39FE35D6, WEF04B02A, WCEFC8A43, WE2646BFD, WC1065B98, WEA560DE3, WED46853C, W49A273E7, W6B0354DD, WA63ECF49, W391F6094, W25A4E158, WD6DD7F5B, WE586CEC4, WE5EF4636, W60437B8F, W8D63A552, W655E1492, WD96CA896, W3492E264, WEBDEC70D, WC0E6C1E3, W981AE7BD, W71712EEE], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 12288, reads_z: false },
        Kernel { name: "linear_cooperative:cooperative8,half", entry_point: "linear_cooperative", pieces: &[W148953AA, WF6360019, W3B2C6AE2, WCDDF94C5, WB1561CB2, W97942A5C, WD5A35BA8, WA55A1C43, W572E4D51, W59C64083, WD0112C68, W0D6B5DC7, WB36551D1, WE32FAE4C, W86909ABB, W30A2EAC1, WD5FDCB66, WF60888A1, W1F7D8D93, W46ED89E7, W3DBC7991, WB3C3725C, WC80026D9, W98FC6BBD, W5E3B7866, W587D9BD5, W7AE9F516, WD1D867AB, WC9460618, W39FE35D6, WEF04B02A, WCEFC8A43, WE2646BFD, WC1065B98, WEA560DE3, WED46853C, W49A273E7, W6B0354DD, WA63ECF49, W391F6094, W25A4E158, WD6DD7F5B, WE586CEC4, WE5EF4636, W60437B8F, W8D63A552, W655E1492, WD96CA896, W3492E264, WEBDEC70D, WC0E6C1E3, W981AE7BD, W71712EEE], workgroup_size: [64, 1, 1], bindings: BINDINGS_1, workgroup_memory: 12288, reads_z: false },
        Kernel { name: "linear_cooperative:cooperative8,half,half_out", entry_point: "linear_cooperative", pieces: &[W148953AA, WF6360019, W3B2C6AE2, WCDDF94C5, WB1561CB2, W97942A5C, WD5A35BA8, WA55A1C43, W572E4D51, W59C64083, WD0112C68, W0D6B5DC7, WB36551D1, WE32FAE4C, W86909ABB, W30A2EAC1, WD5FDCB66, WF60888A1, W1F7D8D93, W46ED89E7, W3DBC7991, WB3C3725C, WC80026D9, W98FC6BBD, W5E3B7866, W587D9BD5, W7AE9F516, WD1D867AB, WC9460618, W39FE35D6, WEF04B02A, WCEFC8A43, WE2646BFD, WC1065B98, WEA560DE3, WED46853C, W49A273E7, W6B0354DD, WA63ECF49, W391F6094, W25A4E158, WD6DD7F5B, WE586CEC4, WE5EF4636, W60437B8F, W8D63A552, W655E1492, WD96CA896, W26F0272E, WEBDEC70D, WC0E6C1E3, W981AE7BD, W71712EEE], workgroup_size: [64, 1, 1], bindings: BINDINGS_2, workgroup_memory: 12288, reads_z: false },
        Kernel { name: "linear_cooperative:cooperative16,vec4", entry_point: "linear_cooperative", pieces: &[WF6360019, W3B2C6AE2, WCDDF94C5, WB1561CB2, W97942A5C, WD5A35BA8, WA55A1C43, W572E4D51, W59C64083, WD0112C68, W0D6B5DC7, WB36551D1, WE32FAE4C, W4FDAB6AB, W3EB5812F, W5A1D6603, W53B9085D, W44C9D9A5, W46ED89E7, WEC36ACE0, W516ACE37, WB5D58C3E, WA838C1E7, W5E3B7866, W587D9BD5, W7AE9F516, WD1D867AB, WC9460618, W39FE35D6, WEF04B02A, WCEFC8A43, WE2646BFD, WC1065B98, WEA560DE3, WED46853C, W49A273E7, W6B0354DD, WA63ECF49, WC66C4DAD, W799ACE7A, WD6DD7F5B, WE586CEC4, W1CE85927, W33B54DDB, W890FD47C, W635EF461, WD96CA896, W3492E264, WEBDEC70D, WC0E6C1E3, W981AE7BD, W71712EEE], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 14336, reads_z: false },
        Kernel { name: "linear_cooperative:cooperative16,half", entry_point: "linear_cooperative", pieces: &[W148953AA, WF6360019, W3B2C6AE2, WCDDF94C5, WB1561CB2, W97942A5C, WD5A35BA8, WA55A1C43, W572E4D51, W59C64083, WD0112C68, W0D6B5DC7, WB36551D1, WE32FAE4C, W4FDAB6AB, W3EB5812F, W5A1D6603, W53B9085D, W1F7D8D93, W46ED89E7, W3DBC7991, WB3C3725C, WB5D58C3E, WA838C1E7, W5E3B7866, W587D9BD5, W7AE9F516, WD1D867AB, WC9460618, W39FE35D6, WEF04B02A, WCEFC8A43, WE2646BFD, WC1065B98, WEA560DE3, WED46853C, W49A273E7, W6B0354DD, WA63ECF49, WC66C4DAD, W799ACE7A, WD6DD7F5B, WE586CEC4, W1CE85927, W33B54DDB, W890FD47C, W635EF461, WD96CA896, W3492E264, WEBDEC70D, WC0E6C1E3, W981AE7BD, W71712EEE], workgroup_size: [64, 1, 1], bindings: BINDINGS_1, workgroup_memory: 14336, reads_z: false },
        Kernel { name: "linear_cooperative:cooperative16,half,half_out", entry_point: "linear_cooperative", pieces: &[W148953AA, WF6360019, W3B2C6AE2, WCDDF94C5, WB1561CB2, W97942A5C, WD5A35BA8, WA55A1C43, W572E4D51, W59C64083, WD0112C68, W0D6B5DC7, WB36551D1, WE32FAE4C, W4FDAB6AB, W3EB5812F, W5A1D6603, W53B9085D, W1F7D8D93, W46ED89E7, W3DBC7991, WB3C3725C, WB5D58C3E, WA838C1E7, W5E3B7866, W587D9BD5, W7AE9F516, WD1D867AB, WC9460618, W39FE35D6, WEF04B02A, WCEFC8A43, WE2646BFD, WC1065B98, WEA560DE3, WED46853C, W49A273E7, W6B0354DD, WA63ECF49, WC66C4DAD, W799ACE7A, WD6DD7F5B, WE586CEC4, W1CE85927, W33B54DDB, W890FD47C, W635EF461, WD96CA896, W26F0272E, WEBDEC70D, WC0E6C1E3, W981AE7BD, W71712EEE], workgroup_size: [64, 1, 1], bindings: BINDINGS_2, workgroup_memory: 14336, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 16 },
        KernelBinding { name: "y", binding: 3, access: Access::ReadWrite, stride: 16 },
        KernelBinding { name: "b", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "r", binding: 5, access: Access::Read, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 8 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 8 },
        KernelBinding { name: "y", binding: 3, access: Access::ReadWrite, stride: 16 },
        KernelBinding { name: "b", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "r", binding: 5, access: Access::Read, stride: 4 },
    ];
    const BINDINGS_2: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 8 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 8 },
        KernelBinding { name: "y", binding: 3, access: Access::ReadWrite, stride: 8 },
        KernelBinding { name: "b", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "r", binding: 5, access: Access::Read, stride: 4 },
    ];
}

/// Linear layer for a few rows, as in decoding: y = x·wᵀ (+ b) (+ r).
pub mod linear_few {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N·O.
        pub count: u32,
        /// O.
        pub columns: u32,
        /// I, in entries.
        pub inner: u32,
        /// From a row of y and r to the next: O, or more where w is a part.
        pub stride: u32,
        /// 1 adds b; else anything may be bound there.
        pub biased: u32,
        /// 1 adds r; likewise.
        pub residual: u32,
    }

    crate::arguments!(24);

    /// Which `tier` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Tier {
        /// `tiled` in the source.
        Tiled,
        /// `subgroup` in the source.
        Subgroup,
    }

    /// Which `operands` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Operands {
        /// `scalar` in the source.
        Scalar,
        /// `vec4` in the source.
        Vec4,
        /// `half` in the source.
        Half,
        /// `q8_0` in the source.
        Q80,
        /// `q4_0` in the source.
        Q40,
    }

    impl Operands {
        /// The one for a quantised format, by its GGUF name.
        pub fn quantised(name: &str) -> Option<Self> {
            let known = [("Q8_0", Self::Q80), ("Q4_0", Self::Q40)];
            known.into_iter().find(|known| known.0 == name).map(|known| known.1)
        }
    }

    /// The variant with these features.
    pub fn kernel(tier: Tier, operands: Operands) -> &'static Kernel {
        &VARIANTS[tier as usize * 5 + operands as usize]
    }

    pub(crate) static VARIANTS: [Kernel; 10] = [
        Kernel { name: "linear_few:tiled,scalar", entry_point: "linear_few", pieces: &[WB809EA55, WE32FAE4C, WDAEC423D, WDF66BFDA, WA8D23C4E, WC0E6C1E3, W981AE7BD, W7B75EEB3, W1AA7298A, WD0112C68, W0D6B5DC7, W7D143630, WEF40394A, WC49E095A, W8240977E, W5A1CE584, W59E6B889, W207F395B], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 1024, reads_z: false },
        Kernel { name: "linear_few:tiled,vec4", entry_point: "linear_few", pieces: &[WB809EA55, WE32FAE4C, WDAEC423D, WDF66BFDA, WA8D23C4E, WC0E6C1E3, W981AE7BD, W7B75EEB3, W1AA7298A, WD0112C68, W0D6B5DC7, W263D55F6, WC4D8DB01, WC49E095A, W8240977E, W5A1CE584, W59E6B889, W207F395B], workgroup_size: [64, 1, 1], bindings: BINDINGS_1, workgroup_memory: 1024, reads_z: false },
        Kernel { name: "linear_few:tiled,half", entry_point: "linear_few", pieces: &[W148953AA, WB809EA55, WE32FAE4C, WDAEC423D, WDF66BFDA, WA8D23C4E, WC0E6C1E3, W981AE7BD, W7B75EEB3, W1AA7298A, WD0112C68, W0D6B5DC7, W263D55F6, WC4D8DB01, WC49E095A, W8240977E, W4967A51A, W59E6B889, W207F395B], workgroup_size: [64, 1, 1], bindings: BINDINGS_2, workgroup_memory: 1024, reads_z: false },
        Kernel { name: "linear_few:tiled,q8_0", entry_point: "linear_few", pieces: &[WB809EA55, WE32FAE4C, WDAEC423D, WA8D23C4E, WC0E6C1E3, W981AE7BD, W39680A36, W1AA7298A, WD0112C68, W0D6B5DC7, W263D55F6, WC4D8DB01, WC49E095A, W8240977E, WB1E903B4, W102C8370, W11F24865, W10EDD64A, W59E6B889, W207F395B], workgroup_size: [64, 1, 1], bindings: BINDINGS_3, workgroup_memory: 1024, reads_z: false },
        Kernel { name: "linear_few:tiled,q4_0", entry_point: "linear_few", pieces: &[WB809EA55, WE32FAE4C, WDAEC423D, WA8D23C4E, WC0E6C1E3, W981AE7BD, W39680A36, W1AA7298A, WD0112C68, W0D6B5DC7, W263D55F6, WC4D8DB01, WC49E095A, W8240977E, WB1E903B4, W6F28A13E, W3E0C42B8, W10EDD64A, W59E6B889, W207F395B], workgroup_size: [64, 1, 1], bindings: BINDINGS_3, workgroup_memory: 1024, reads_z: false },
        Kernel { name: "linear_few:subgroup,scalar", entry_point: "linear_few", pieces: &[WB809EA55, WE32FAE4C, WDAEC423D, WDF66BFDA, WA8D23C4E, WC0E6C1E3, W981AE7BD, W7B75EEB3, W7FCA8B3D, WD0112C68, W0D6B5DC7, W7D143630, WEF40394A, WC49E095A, W5A1CE584, WA8D0FEBC, W53E0908F], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 1024, reads_z: false },
        Kernel { name: "linear_few:subgroup,vec4", entry_point: "linear_few", pieces: &[WB809EA55, WE32FAE4C, WDAEC423D, WDF66BFDA, WA8D23C4E, WC0E6C1E3, W981AE7BD, W7B75EEB3, W7FCA8B3D, WD0112C68, W0D6B5DC7, W263D55F6, WC4D8DB01, WC49E095A, W5A1CE584, WA8D0FEBC, W53E0908F], workgroup_size: [64, 1, 1], bindings: BINDINGS_1, workgroup_memory: 1024, reads_z: false },
        Kernel { name: "linear_few:subgroup,half", entry_point: "linear_few", pieces: &[W148953AA, WB809EA55, WE32FAE4C, WDAEC423D, WDF66BFDA, WA8D23C4E, WC0E6C1E3, W981AE7BD, W7B75EEB3, W7FCA8B3D, WD0112C68, W0D6B5DC7, W263D55F6, WC4D8DB01, WC49E095A, W4967A51A, WA8D0FEBC, W53E0908F], workgroup_size: [64, 1, 1], bindings: BINDINGS_2, workgroup_memory: 1024, reads_z: false },
        Kernel { name: "linear_few:subgroup,q8_0", entry_point: "linear_few", pieces: &[WB809EA55, WE32FAE4C, WDAEC423D, WA8D23C4E, WC0E6C1E3, W981AE7BD, W39680A36, W7FCA8B3D, WD0112C68, W0D6B5DC7, W263D55F6, WC4D8DB01, WC49E095A, WB1E903B4, W102C8370, W11F24865, W10EDD64A, WA8D0FEBC, W53E0908F], workgroup_size: [64, 1, 1], bindings: BINDINGS_3, workgroup_memory: 1024, reads_z: false },
        Kernel { name: "linear_few:subgroup,q4_0", entry_point: "linear_few", pieces: &[WB809EA55, WE32FAE4C, WDAEC423D, WA8D23C4E, WC0E6C1E3, W981AE7BD, W39680A36, W7FCA8B3D, WD0112C68, W0D6B5DC7, W263D55F6, WC4D8DB01, WC49E095A, WB1E903B4, W6F28A13E, W3E0C42B8, W10EDD64A, WA8D0FEBC, W53E0908F], workgroup_size: [64, 1, 1], bindings: BINDINGS_3, workgroup_memory: 1024, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 3, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "b", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "r", binding: 5, access: Access::Read, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 16 },
        KernelBinding { name: "y", binding: 3, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "b", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "r", binding: 5, access: Access::Read, stride: 4 },
    ];
    const BINDINGS_2: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 8 },
        KernelBinding { name: "y", binding: 3, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "b", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "r", binding: 5, access: Access::Read, stride: 4 },
    ];
    const BINDINGS_3: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 3, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "b", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "r", binding: 5, access: Access::Read, stride: 4 },
    ];
}

/// Gradient of a linear layer's input by cooperative matrices: of y = x·wᵀ (+ b), dx = dy·w (+ r).
pub mod linear_input_backward_cooperative {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    pub use crate::linear_input_backward::Arguments;

    /// Which `side` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Side {
        /// `cooperative8` in the source.
        Cooperative8,
        /// `cooperative16` in the source.
        Cooperative16,
    }

    /// Which `operands` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Operands {
        /// `vec4` in the source.
        Vec4,
        /// `half` in the source.
        Half,
    }

    /// The variant with these features, if there is one: not all go together.
    pub fn kernel(side: Side, operands: Operands, partial: bool) -> Option<&'static Kernel> {
        const PLACES: [Option<u16>; 8] = [Some(0), None, Some(1), Some(2), Some(3), None, Some(4), Some(5)];
        PLACES.get(side as usize * 4 + operands as usize * 2 + usize::from(partial))?.map(|place| &VARIANTS[usize::from(place)])
    }

    pub(crate) static VARIANTS: [Kernel; 6] = [
        Kernel { name: "linear_input_backward_cooperative:cooperative8,vec4", entry_point: "linear_input_backward_cooperative", pieces: &[WF6360019, W5A88D53B, WCDDF94C5, W77A5384A, W4BA69E58, W43B643F6, W17B82988, WD0112C68, W0D6B5DC7, WC01ACE3F, WE32FAE4C, W483962C0, W572E4D51, W59C64083, W86909ABB, W30A2EAC1, WD5FDCB66, WF60888A1, W44C9D9A5, W46ED89E7, WEC36ACE0, W516ACE37, W391A48E4, WC80026D9, W98FC6BBD, W5E3B7866, W587D9BD5, W7AE9F516, WD1D867AB, WC9460618, W39FE35D6, WEF04B02A, WCEFC8A43, WE2646BFD, WC1065B98, WEA560DE3, WED46853C, W49A273E7, W6B0354DD, WBB5B7265, WA63ECF49, W75C3F445, W391F6094, W25A4E158, WD6DD7F5B, W8C215E57, WE5EF4636, W729FFC5E, W8D63A552, W655E1492, WD96CA896, W3492E264, WA759355F, WA72A790E, WC797F8F8], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 12288, reads_z: false },
        Kernel { name: "linear_input_backward_cooperative:cooperative8,half", entry_point: "linear_input_backward_cooperative", pieces: &[W148953AA, WF6360019, W5A88D53B, WCDDF94C5, W77A5384A, W4BA69E58, W43B643F6, W17B82988, WD0112C68, W0D6B5DC7, WC01ACE3F, WE32FAE4C, W483962C0, W572E4D51, W59C64083, W86909ABB, W30A2EAC1, WD5FDCB66, WF60888A1, W1F7D8D93, W46ED89E7, W3DBC7991, WB3C3725C, WF63A0AB8, WC80026D9, W98FC6BBD, W5E3B7866, W587D9BD5, W7AE9F516, WD1D867AB, WC9460618, W39FE35D6, WEF04B02A, WCEFC8A43, WE2646BFD, WC1065B98, WEA560DE3, WED46853C, W49A273E7, W6B0354DD, WBB5B7265, WA63ECF49, W75C3F445, W391F6094, W25A4E158, WD6DD7F5B, W8C215E57, WE5EF4636, W729FFC5E, W8D63A552, W655E1492, WD96CA896, W26F0272E, WA759355F, WA72A790E, WC797F8F8], workgroup_size: [64, 1, 1], bindings: BINDINGS_1, workgroup_memory: 12288, reads_z: false },
        Kernel { name: "linear_input_backward_cooperative:cooperative8,half,partial", entry_point: "linear_input_backward_cooperative", pieces: &[W148953AA, WF6360019, W5A88D53B, WCDDF94C5, W77A5384A, W4BA69E58, W43B643F6, W17B82988, WD0112C68, W0D6B5DC7, WC01ACE3F, WE32FAE4C, W483962C0, W572E4D51, W59C64083, W86909ABB, W30A2EAC1, WD5FDCB66, WF60888A1, W1F7D8D93, W46ED89E7, W3DBC7991, WB3C3725C, WF63A0AB8, WC80026D9, W98FC6BBD, W5E3B7866, W587D9BD5, W7AE9F516, WD1D867AB, WC9460618, W39FE35D6, WEF04B02A, WCEFC8A43, WE2646BFD, WC1065B98, WEA560DE3, WED46853C, W49A273E7, W6B0354DD, WBB5B7265, WA63ECF49, W75C3F445, W391F6094, W25A4E158, WD6DD7F5B, W8C215E57, WE5EF4636, W729FFC5E, W8D63A552, W655E1492, WD96CA896, W3492E264, WA759355F, WA72A790E, WC797F8F8], workgroup_size: [64, 1, 1], bindings: BINDINGS_2, workgroup_memory: 12288, reads_z: false },
        Kernel { name: "linear_input_backward_cooperative:cooperative16,vec4", entry_point: "linear_input_backward_cooperative", pieces: &[WF6360019, W5A88D53B, WCDDF94C5, W77A5384A, W4BA69E58, W43B643F6, W17B82988, WD0112C68, W0D6B5DC7, WC01ACE3F, WE32FAE4C, W483962C0, W572E4D51, W59C64083, W4FDAB6AB, W3EB5812F, W5A1D6603, W53B9085D, W44C9D9A5, W46ED89E7, WEC36ACE0, W516ACE37, W391A48E4, WB5D58C3E, WA838C1E7, W5E3B7866, W587D9BD5, W7AE9F516, WD1D867AB, WC9460618, W39FE35D6, WEF04B02A, WCEFC8A43, WE2646BFD, WC1065B98, WEA560DE3, WED46853C, W49A273E7, W6B0354DD, WBB5B7265, WA63ECF49, W75C3F445, WC66C4DAD, W799ACE7A, WD6DD7F5B, W8C215E57, W1CE85927, W9D920F82, W890FD47C, W635EF461, WD96CA896, W3492E264, WA759355F, WA72A790E, WC797F8F8], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 14336, reads_z: false },
        Kernel { name: "linear_input_backward_cooperative:cooperative16,half", entry_point: "linear_input_backward_cooperative", pieces: &[W148953AA, WF6360019, W5A88D53B, WCDDF94C5, W77A5384A, W4BA69E58, W43B643F6, W17B82988, WD0112C68, W0D6B5DC7, WC01ACE3F, WE32FAE4C, W483962C0, W572E4D51, W59C64083, W4FDAB6AB, W3EB5812F, W5A1D6603, W53B9085D, W1F7D8D93, W46ED89E7, W3DBC7991, WB3C3725C, WF63A0AB8, WB5D58C3E, WA838C1E7, W5E3B7866, W587D9BD5, W7AE9F516, WD1D867AB, WC9460618, W39FE35D6, WEF04B02A, WCEFC8A43, WE2646BFD, WC1065B98, WEA560DE3, WED46853C, W49A273E7, W6B0354DD, WBB5B7265, WA63ECF49, W75C3F445, WC66C4DAD, W799ACE7A, WD6DD7F5B, W8C215E57, W1CE85927, W9D920F82, W890FD47C, W635EF461, WD96CA896, W26F0272E, WA759355F, WA72A790E, WC797F8F8], workgroup_size: [64, 1, 1], bindings: BINDINGS_1, workgroup_memory: 14336, reads_z: false },
        Kernel { name: "linear_input_backward_cooperative:cooperative16,half,partial", entry_point: "linear_input_backward_cooperative", pieces: &[W148953AA, WF6360019, W5A88D53B, WCDDF94C5, W77A5384A, W4BA69E58, W43B643F6, W17B82988, WD0112C68, W0D6B5DC7, WC01ACE3F, WE32FAE4C, W483962C0, W572E4D51, W59C64083, W4FDAB6AB, W3EB5812F, W5A1D6603, W53B9085D, W1F7D8D93, W46ED89E7, W3DBC7991, WB3C3725C, WF63A0AB8, WB5D58C3E, WA838C1E7, W5E3B7866, W587D9BD5, W7AE9F516, WD1D867AB, WC9460618, W39FE35D6, WEF04B02A, WCEFC8A43, WE2646BFD, WC1065B98, WEA560DE3, WED46853C, W49A273E7, W6B0354DD, WBB5B7265, WA63ECF49, W75C3F445, WC66C4DAD, W799ACE7A, WD6DD7F5B, W8C215E57, W1CE85927, W9D920F82, W890FD47C, W635EF461, WD96CA896, W3492E264, WA759355F, WA72A790E, WC797F8F8], workgroup_size: [64, 1, 1], bindings: BINDINGS_2, workgroup_memory: 14336, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 16 },
        KernelBinding { name: "dx", binding: 3, access: Access::ReadWrite, stride: 16 },
        KernelBinding { name: "r", binding: 4, access: Access::Read, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 8 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 8 },
        KernelBinding { name: "dx", binding: 3, access: Access::ReadWrite, stride: 8 },
        KernelBinding { name: "r", binding: 4, access: Access::Read, stride: 4 },
    ];
    const BINDINGS_2: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 8 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 8 },
        KernelBinding { name: "dx", binding: 3, access: Access::ReadWrite, stride: 16 },
        KernelBinding { name: "r", binding: 4, access: Access::Read, stride: 4 },
    ];
}

/// Gradient of a linear layer's input, through workgroup memory: of y = x·wᵀ (+ b), dx = dy·w (+ r).
pub mod linear_input_backward_tiled {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    pub use crate::linear_input_backward::Arguments;

    /// Which `size` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Size {
        /// `large` in the source.
        Large,
        /// `small` in the source.
        Small,
    }

    /// Which `left` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Left {
        /// `left1` in the source.
        Left1,
        /// `left4` in the source.
        Left4,
        /// `left_half` in the source.
        LeftHalf,
    }

    /// Which `right` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Right {
        /// `scalar` in the source.
        Scalar,
        /// `vec4` in the source.
        Vec4,
        /// `half` in the source.
        Half,
    }

    /// The variant with these features, if there is one: not all go together.
    pub fn kernel(size: Size, left: Left, right: Right, partial: bool) -> Option<&'static Kernel> {
        const PLACES: [Option<u16>; 36] = [None, None, Some(0), None, Some(1), Some(2), None, None, Some(3), None, Some(4), Some(5), None, None, Some(6), None, Some(7), Some(8), Some(9), None, Some(10), None, Some(11), Some(12), None, None, Some(13), None, Some(14), Some(15), Some(16), None, Some(17), None, Some(18), Some(19)];
        PLACES.get(size as usize * 18 + left as usize * 6 + right as usize * 2 + usize::from(partial))?.map(|place| &VARIANTS[usize::from(place)])
    }

    pub(crate) static VARIANTS: [Kernel; 20] = [
        Kernel { name: "linear_input_backward_tiled:large,left1,vec4", entry_point: "linear_input_backward_tiled", pieces: &[W383738B4, W5E3B7866, WF836C876, WC7A2F05C, WBF766089, WE1BC86A1, W1E68CC6F, W183544DE, WEA7425C4, W8880B2A2, WB677404A, WC01ACE3F, W6D27ED70, WCB2E52F5, WE32FAE4C, W5B6FFA21, W5291A125, W38CD08E8, WF27B06EC, WECB7EDD3, W8139DF19, W483962C0, WCC26A379, W8EA9DD8E, WD0112C68, W0D6B5DC7, W572E4D51, WE95CE5C1, W59C64083, W86D4D28A, WA39B7F08, WA759355F, WA72A790E, W08ED9D78, W87C6AA95, WB12B9A93], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 8192, reads_z: true },
        Kernel { name: "linear_input_backward_tiled:large,left1,half", entry_point: "linear_input_backward_tiled", pieces: &[W148953AA, W383738B4, W5E3B7866, WF836C876, WC7A2F05C, WBF766089, WE1BC86A1, W1E68CC6F, W183544DE, WEA7425C4, W8880B2A2, WB677404A, WC01ACE3F, W6D27ED70, W0ECACF76, WE32FAE4C, W5B6FFA21, W5291A125, W38CD08E8, WF27B06EC, WECB7EDD3, W8139DF19, W483962C0, WCC26A379, W8EA9DD8E, WD0112C68, W0D6B5DC7, W572E4D51, WE95CE5C1, W59C64083, W86D4D28A, W4E32BAF7, WA759355F, WA72A790E, W08ED9D78, W87C6AA95, WB12B9A93], workgroup_size: [64, 1, 1], bindings: BINDINGS_1, workgroup_memory: 8192, reads_z: true },
        Kernel { name: "linear_input_backward_tiled:large,left1,half,partial", entry_point: "linear_input_backward_tiled", pieces: &[W148953AA, W383738B4, W5E3B7866, WF836C876, WC7A2F05C, WBF766089, WE1BC86A1, W1E68CC6F, W183544DE, WEA7425C4, W8880B2A2, WB677404A, WC01ACE3F, W6D27ED70, W0ECACF76, WE32FAE4C, W5B6FFA21, W5291A125, W38CD08E8, WF27B06EC, WECB7EDD3, W8139DF19, W483962C0, WCC26A379, W8EA9DD8E, WD0112C68, W0D6B5DC7, W572E4D51, WE95CE5C1, W59C64083, W86D4D28A, WA39B7F08, WA759355F, WA72A790E, W08ED9D78, W87C6AA95, WB12B9A93], workgroup_size: [64, 1, 1], bindings: BINDINGS_2, workgroup_memory: 8192, reads_z: true },
        Kernel { name: "linear_input_backward_tiled:large,left4,vec4", entry_point: "linear_input_backward_tiled", pieces: &[W383738B4, W5E3B7866, WF836C876, WC7A2F05C, WBF766089, WE1BC86A1, W1E68CC6F, W183544DE, WEA7425C4, W8880B2A2, WB677404A, WC01ACE3F, WC3FBF1C0, WCB2E52F5, WE32FAE4C, W5B6FFA21, W5291A125, W38CD08E8, WE3D66864, W8CD90301, W483962C0, WCC26A379, W8EA9DD8E, WD0112C68, W0D6B5DC7, W572E4D51, WE95CE5C1, W59C64083, W86D4D28A, WA39B7F08, WA759355F, WA72A790E, W08ED9D78, W87C6AA95, WB12B9A93], workgroup_size: [64, 1, 1], bindings: BINDINGS_3, workgroup_memory: 8192, reads_z: true },
        Kernel { name: "linear_input_backward_tiled:large,left4,half", entry_point: "linear_input_backward_tiled", pieces: &[W148953AA, W383738B4, W5E3B7866, WF836C876, WC7A2F05C, WBF766089, WE1BC86A1, W1E68CC6F, W183544DE, WEA7425C4, W8880B2A2, WB677404A, WC01ACE3F, WC3FBF1C0, W0ECACF76, WE32FAE4C, W5B6FFA21, W5291A125, W38CD08E8, WE3D66864, W8CD90301, W483962C0, WCC26A379, W8EA9DD8E, WD0112C68, W0D6B5DC7, W572E4D51, WE95CE5C1, W59C64083, W86D4D28A, W4E32BAF7, WA759355F, WA72A790E, W08ED9D78, W87C6AA95, WB12B9A93], workgroup_size: [64, 1, 1], bindings: BINDINGS_4, workgroup_memory: 8192, reads_z: true },
        Kernel { name: "linear_input_backward_tiled:large,left4,half,partial", entry_point: "linear_input_backward_tiled", pieces: &[W148953AA, W383738B4, W5E3B7866, WF836C876, WC7A2F05C, WBF766089, WE1BC86A1, W1E68CC6F, W183544DE, WEA7425C4, W8880B2A2, WB677404A, WC01ACE3F, WC3FBF1C0, W0ECACF76, WE32FAE4C, W5B6FFA21, W5291A125, W38CD08E8, WE3D66864, W8CD90301, W483962C0, WCC26A379, W8EA9DD8E, WD0112C68, W0D6B5DC7, W572E4D51, WE95CE5C1, W59C64083, W86D4D28A, WA39B7F08, WA759355F, WA72A790E, W08ED9D78, W87C6AA95, WB12B9A93], workgroup_size: [64, 1, 1], bindings: BINDINGS_5, workgroup_memory: 8192, reads_z: true },
        Kernel { name: "linear_input_backward_tiled:large,left_half,vec4", entry_point: "linear_input_backward_tiled", pieces: &[W148953AA, W383738B4, W5E3B7866, WF836C876, WC7A2F05C, WBF766089, WE1BC86A1, W1E68CC6F, W183544DE, WEA7425C4, W8880B2A2, WB677404A, WC01ACE3F, W40CDB5C3, WCB2E52F5, WE32FAE4C, W5B6FFA21, W5291A125, W38CD08E8, WE3D66864, W8CD90301, W483962C0, WCC26A379, W8EA9DD8E, WD0112C68, W0D6B5DC7, W572E4D51, WE95CE5C1, W59C64083, W86D4D28A, WA39B7F08, WA759355F, WA72A790E, W08ED9D78, W87C6AA95, WB12B9A93], workgroup_size: [64, 1, 1], bindings: BINDINGS_6, workgroup_memory: 8192, reads_z: true },
        Kernel { name: "linear_input_backward_tiled:large,left_half,half", entry_point: "linear_input_backward_tiled", pieces: &[W148953AA, W383738B4, W5E3B7866, WF836C876, WC7A2F05C, WBF766089, WE1BC86A1, W1E68CC6F, W183544DE, WEA7425C4, W8880B2A2, WB677404A, WC01ACE3F, W40CDB5C3, W0ECACF76, WE32FAE4C, W5B6FFA21, W5291A125, W38CD08E8, WE3D66864, W8CD90301, W483962C0, WCC26A379, W8EA9DD8E, WD0112C68, W0D6B5DC7, W572E4D51, WE95CE5C1, W59C64083, W86D4D28A, W4E32BAF7, WA759355F, WA72A790E, W08ED9D78, W87C6AA95, WB12B9A93], workgroup_size: [64, 1, 1], bindings: BINDINGS_7, workgroup_memory: 8192, reads_z: true },
        Kernel { name: "linear_input_backward_tiled:large,left_half,half,partial", entry_point: "linear_input_backward_tiled", pieces: &[W148953AA, W383738B4, W5E3B7866, WF836C876, WC7A2F05C, WBF766089, WE1BC86A1, W1E68CC6F, W183544DE, WEA7425C4, W8880B2A2, WB677404A, WC01ACE3F, W40CDB5C3, W0ECACF76, WE32FAE4C, W5B6FFA21, W5291A125, W38CD08E8, WE3D66864, W8CD90301, W483962C0, WCC26A379, W8EA9DD8E, WD0112C68, W0D6B5DC7, W572E4D51, WE95CE5C1, W59C64083, W86D4D28A, WA39B7F08, WA759355F, WA72A790E, W08ED9D78, W87C6AA95, WB12B9A93], workgroup_size: [64, 1, 1], bindings: BINDINGS_8, workgroup_memory: 8192, reads_z: true },
        Kernel { name: "linear_input_backward_tiled:small,left1,scalar", entry_point: "linear_input_backward_tiled", pieces: &[WFAEE3825, WC5D1E7FF, W0856254C, WEC36ACE0, WC2DFE266, WC965F229, W3EB3C218, W0D1D47C4, W7050C4EE, WB967F8DE, WE5690A9F, WC58931E5, WEDDB8DF4, WC01ACE3F, W6D27ED70, W35AE0A39, WE32FAE4C, W5B6FFA21, W5291A125, W38CD08E8, WF27B06EC, WECB7EDD3, WDB1C1335, WBDEC3EDC, W483962C0, WCC26A379, W8EA9DD8E, WD0112C68, W0D6B5DC7, W59C64083, W86D4D28A, WA39B7F08, WA759355F, WA72A790E, W08ED9D78, W87C6AA95], workgroup_size: [256, 1, 1], bindings: BINDINGS_9, workgroup_memory: 16384, reads_z: true },
        Kernel { name: "linear_input_backward_tiled:small,left1,vec4", entry_point: "linear_input_backward_tiled", pieces: &[WFAEE3825, WC5D1E7FF, W0856254C, WEC36ACE0, WC2DFE266, WC965F229, W3EB3C218, W0D1D47C4, W7050C4EE, WB967F8DE, WE5690A9F, WC58931E5, WEDDB8DF4, WC01ACE3F, W6D27ED70, WCB2E52F5, WE32FAE4C, W5B6FFA21, W5291A125, W38CD08E8, WF27B06EC, WECB7EDD3, W8139DF19, W483962C0, WCC26A379, W8EA9DD8E, WD0112C68, W0D6B5DC7, W59C64083, W86D4D28A, WA39B7F08, WA759355F, WA72A790E, W08ED9D78, W87C6AA95], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 16384, reads_z: true },
        Kernel { name: "linear_input_backward_tiled:small,left1,half", entry_point: "linear_input_backward_tiled", pieces: &[W148953AA, WFAEE3825, WC5D1E7FF, W0856254C, WEC36ACE0, WC2DFE266, WC965F229, W3EB3C218, W0D1D47C4, W7050C4EE, WB967F8DE, WE5690A9F, WC58931E5, WEDDB8DF4, WC01ACE3F, W6D27ED70, W0ECACF76, WE32FAE4C, W5B6FFA21, W5291A125, W38CD08E8, WF27B06EC, WECB7EDD3, W8139DF19, W483962C0, WCC26A379, W8EA9DD8E, WD0112C68, W0D6B5DC7, W59C64083, W86D4D28A, W4E32BAF7, WA759355F, WA72A790E, W08ED9D78, W87C6AA95], workgroup_size: [256, 1, 1], bindings: BINDINGS_1, workgroup_memory: 16384, reads_z: true },
        Kernel { name: "linear_input_backward_tiled:small,left1,half,partial", entry_point: "linear_input_backward_tiled", pieces: &[W148953AA, WFAEE3825, WC5D1E7FF, W0856254C, WEC36ACE0, WC2DFE266, WC965F229, W3EB3C218, W0D1D47C4, W7050C4EE, WB967F8DE, WE5690A9F, WC58931E5, WEDDB8DF4, WC01ACE3F, W6D27ED70, W0ECACF76, WE32FAE4C, W5B6FFA21, W5291A125, W38CD08E8, WF27B06EC, WECB7EDD3, W8139DF19, W483962C0, WCC26A379, W8EA9DD8E, WD0112C68, W0D6B5DC7, W59C64083, W86D4D28A, WA39B7F08, WA759355F, WA72A790E, W08ED9D78, W87C6AA95], workgroup_size: [256, 1, 1], bindings: BINDINGS_2, workgroup_memory: 16384, reads_z: true },
        Kernel { name: "linear_input_backward_tiled:small,left4,vec4", entry_point: "linear_input_backward_tiled", pieces: &[WFAEE3825, WC5D1E7FF, W0856254C, WEC36ACE0, WC2DFE266, WC965F229, W3EB3C218, W0D1D47C4, W7050C4EE, WB967F8DE, WE5690A9F, WC58931E5, WEDDB8DF4, WC01ACE3F, WC3FBF1C0, WCB2E52F5, WE32FAE4C, W5B6FFA21, W5291A125, W38CD08E8, WE3D66864, W8CD90301, W483962C0, WCC26A379, W8EA9DD8E, WD0112C68, W0D6B5DC7, W59C64083, W86D4D28A, WA39B7F08, WA759355F, WA72A790E, W08ED9D78, W87C6AA95], workgroup_size: [256, 1, 1], bindings: BINDINGS_3, workgroup_memory: 16384, reads_z: true },
        Kernel { name: "linear_input_backward_tiled:small,left4,half", entry_point: "linear_input_backward_tiled", pieces: &[W148953AA, WFAEE3825, WC5D1E7FF, W0856254C, WEC36ACE0, WC2DFE266, WC965F229, W3EB3C218, W0D1D47C4, W7050C4EE, WB967F8DE, WE5690A9F, WC58931E5, WEDDB8DF4, WC01ACE3F, WC3FBF1C0, W0ECACF76, WE32FAE4C, W5B6FFA21, W5291A125, W38CD08E8, WE3D66864, W8CD90301, W483962C0, WCC26A379, W8EA9DD8E, WD0112C68, W0D6B5DC7, W59C64083, W86D4D28A, W4E32BAF7, WA759355F, WA72A790E, W08ED9D78, W87C6AA95], workgroup_size: [256, 1, 1], bindings: BINDINGS_4, workgroup_memory: 16384, reads_z: true },
        Kernel { name: "linear_input_backward_tiled:small,left4,half,partial", entry_point: "linear_input_backward_tiled", pieces: &[W148953AA, WFAEE3825, WC5D1E7FF, W0856254C, WEC36ACE0, WC2DFE266, WC965F229, W3EB3C218, W0D1D47C4, W7050C4EE, WB967F8DE, WE5690A9F, WC58931E5, WEDDB8DF4, WC01ACE3F, WC3FBF1C0, W0ECACF76, WE32FAE4C, W5B6FFA21, W5291A125, W38CD08E8, WE3D66864, W8CD90301, W483962C0, WCC26A379, W8EA9DD8E, WD0112C68, W0D6B5DC7, W59C64083, W86D4D28A, WA39B7F08, WA759355F, WA72A790E, W08ED9D78, W87C6AA95], workgroup_size: [256, 1, 1], bindings: BINDINGS_5, workgroup_memory: 16384, reads_z: true },
        Kernel { name: "linear_input_backward_tiled:small,left_half,scalar", entry_point: "linear_input_backward_tiled", pieces: &[W148953AA, WFAEE3825, WC5D1E7FF, W0856254C, WEC36ACE0, WC2DFE266, WC965F229, W3EB3C218, W0D1D47C4, W7050C4EE, WB967F8DE, WE5690A9F, WC58931E5, WEDDB8DF4, WC01ACE3F, W40CDB5C3, W35AE0A39, WE32FAE4C, W5B6FFA21, W5291A125, W38CD08E8, WE3D66864, WDB1C1335, W208FAC07, W483962C0, WCC26A379, W8EA9DD8E, WD0112C68, W0D6B5DC7, W59C64083, W86D4D28A, WA39B7F08, WA759355F, WA72A790E, W08ED9D78, W87C6AA95], workgroup_size: [256, 1, 1], bindings: BINDINGS_10, workgroup_memory: 16384, reads_z: true },
        Kernel { name: "linear_input_backward_tiled:small,left_half,vec4", entry_point: "linear_input_backward_tiled", pieces: &[W148953AA, WFAEE3825, WC5D1E7FF, W0856254C, WEC36ACE0, WC2DFE266, WC965F229, W3EB3C218, W0D1D47C4, W7050C4EE, WB967F8DE, WE5690A9F, WC58931E5, WEDDB8DF4, WC01ACE3F, W40CDB5C3, WCB2E52F5, WE32FAE4C, W5B6FFA21, W5291A125, W38CD08E8, WE3D66864, W8CD90301, W483962C0, WCC26A379, W8EA9DD8E, WD0112C68, W0D6B5DC7, W59C64083, W86D4D28A, WA39B7F08, WA759355F, WA72A790E, W08ED9D78, W87C6AA95], workgroup_size: [256, 1, 1], bindings: BINDINGS_6, workgroup_memory: 16384, reads_z: true },
        Kernel { name: "linear_input_backward_tiled:small,left_half,half", entry_point: "linear_input_backward_tiled", pieces: &[W148953AA, WFAEE3825, WC5D1E7FF, W0856254C, WEC36ACE0, WC2DFE266, WC965F229, W3EB3C218, W0D1D47C4, W7050C4EE, WB967F8DE, WE5690A9F, WC58931E5, WEDDB8DF4, WC01ACE3F, W40CDB5C3, W0ECACF76, WE32FAE4C, W5B6FFA21, W5291A125, W38CD08E8, WE3D66864, W8CD90301, W483962C0, WCC26A379, W8EA9DD8E, WD0112C68, W0D6B5DC7, W59C64083, W86D4D28A, W4E32BAF7, WA759355F, WA72A790E, W08ED9D78, W87C6AA95], workgroup_size: [256, 1, 1], bindings: BINDINGS_7, workgroup_memory: 16384, reads_z: true },
        Kernel { name: "linear_input_backward_tiled:small,left_half,half,partial", entry_point: "linear_input_backward_tiled", pieces: &[W148953AA, WFAEE3825, WC5D1E7FF, W0856254C, WEC36ACE0, WC2DFE266, WC965F229, W3EB3C218, W0D1D47C4, W7050C4EE, WB967F8DE, WE5690A9F, WC58931E5, WEDDB8DF4, WC01ACE3F, W40CDB5C3, W0ECACF76, WE32FAE4C, W5B6FFA21, W5291A125, W38CD08E8, WE3D66864, W8CD90301, W483962C0, WCC26A379, W8EA9DD8E, WD0112C68, W0D6B5DC7, W59C64083, W86D4D28A, WA39B7F08, WA759355F, WA72A790E, W08ED9D78, W87C6AA95], workgroup_size: [256, 1, 1], bindings: BINDINGS_8, workgroup_memory: 16384, reads_z: true },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 16 },
        KernelBinding { name: "dx", binding: 3, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "r", binding: 4, access: Access::Read, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 8 },
        KernelBinding { name: "dx", binding: 3, access: Access::ReadWrite, stride: 2 },
        KernelBinding { name: "r", binding: 4, access: Access::Read, stride: 4 },
    ];
    const BINDINGS_2: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 8 },
        KernelBinding { name: "dx", binding: 3, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "r", binding: 4, access: Access::Read, stride: 4 },
    ];
    const BINDINGS_3: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 16 },
        KernelBinding { name: "dx", binding: 3, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "r", binding: 4, access: Access::Read, stride: 4 },
    ];
    const BINDINGS_4: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 8 },
        KernelBinding { name: "dx", binding: 3, access: Access::ReadWrite, stride: 2 },
        KernelBinding { name: "r", binding: 4, access: Access::Read, stride: 4 },
    ];
    const BINDINGS_5: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 8 },
        KernelBinding { name: "dx", binding: 3, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "r", binding: 4, access: Access::Read, stride: 4 },
    ];
    const BINDINGS_6: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 8 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 16 },
        KernelBinding { name: "dx", binding: 3, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "r", binding: 4, access: Access::Read, stride: 4 },
    ];
    const BINDINGS_7: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 8 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 8 },
        KernelBinding { name: "dx", binding: 3, access: Access::ReadWrite, stride: 2 },
        KernelBinding { name: "r", binding: 4, access: Access::Read, stride: 4 },
    ];
    const BINDINGS_8: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 8 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 8 },
        KernelBinding { name: "dx", binding: 3, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "r", binding: 4, access: Access::Read, stride: 4 },
    ];
    const BINDINGS_9: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "dx", binding: 3, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "r", binding: 4, access: Access::Read, stride: 4 },
    ];
    const BINDINGS_10: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 8 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "dx", binding: 3, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "r", binding: 4, access: Access::Read, stride: 4 },
    ];
}

/// Linear layer, through workgroup memory: y = x·wᵀ (+ b) (+ r).
pub mod linear_tiled {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    pub use crate::linear::Arguments;

    /// Which `size` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Size {
        /// `large` in the source.
        Large,
        /// `small` in the source.
        Small,
    }

    /// Which `operands` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Operands {
        /// `scalar` in the source.
        Scalar,
        /// `vec4` in the source.
        Vec4,
        /// `half` in the source.
        Half,
    }

    /// The variant with these features, if there is one: not all go together.
    pub fn kernel(size: Size, operands: Operands, half_out: bool) -> Option<&'static Kernel> {
        const PLACES: [Option<u16>; 12] = [None, None, Some(0), None, Some(1), Some(2), Some(3), None, Some(4), None, Some(5), Some(6)];
        PLACES.get(size as usize * 6 + operands as usize * 2 + usize::from(half_out))?.map(|place| &VARIANTS[usize::from(place)])
    }

    pub(crate) static VARIANTS: [Kernel; 7] = [
        Kernel { name: "linear_tiled:large,vec4", entry_point: "linear_tiled", pieces: &[W265C5D9D, W5E3B7866, WF836C876, WC7A2F05C, WBF766089, WE1BC86A1, W1E68CC6F, W183544DE, WEA7425C4, W8880B2A2, WB677404A, WB36551D1, W5A7C4623, WE32FAE4C, WCA1F0931, WBAC96C38, W38CD08E8, WBA4AC9E4, W47423871, W959F3FFB, W16784D61, W572E4D51, WE95CE5C1, W59C64083, W86D4D28A, WD0112C68, W0D6B5DC7, WA39B7F08, WEBDEC70D, WC0E6C1E3, W981AE7BD, W8615F697, W86FB96BF, W6B3CD452], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 8192, reads_z: true },
        Kernel { name: "linear_tiled:large,half", entry_point: "linear_tiled", pieces: &[W148953AA, W265C5D9D, W5E3B7866, WF836C876, WC7A2F05C, WBF766089, WE1BC86A1, W1E68CC6F, W183544DE, WEA7425C4, W8880B2A2, WB677404A, WB36551D1, W10B78581, WE32FAE4C, WCA1F0931, WBAC96C38, W38CD08E8, WBA4AC9E4, W47423871, W959F3FFB, W16784D61, W572E4D51, WE95CE5C1, W59C64083, W86D4D28A, WD0112C68, W0D6B5DC7, WA39B7F08, WEBDEC70D, WC0E6C1E3, W981AE7BD, W8615F697, W86FB96BF, W6B3CD452], workgroup_size: [64, 1, 1], bindings: BINDINGS_1, workgroup_memory: 8192, reads_z: true },
        Kernel { name: "linear_tiled:large,half,half_out", entry_point: "linear_tiled", pieces: &[W148953AA, W265C5D9D, W5E3B7866, WF836C876, WC7A2F05C, WBF766089, WE1BC86A1, W1E68CC6F, W183544DE, WEA7425C4, W8880B2A2, WB677404A, WB36551D1, W10B78581, WE32FAE4C, WCA1F0931, WBAC96C38, W38CD08E8, WBA4AC9E4, W47423871, W959F3FFB, W16784D61, W572E4D51, WE95CE5C1, W59C64083, W86D4D28A, WD0112C68, W0D6B5DC7, W4E32BAF7, WEBDEC70D, WC0E6C1E3, W981AE7BD, W8615F697, W86FB96BF, W6B3CD452], workgroup_size: [64, 1, 1], bindings: BINDINGS_2, workgroup_memory: 8192, reads_z: true },
        Kernel { name: "linear_tiled:small,scalar", entry_point: "linear_tiled", pieces: &[W7C47CE40, WC5D1E7FF, W0856254C, WEC36ACE0, WC2DFE266, WC965F229, W3EB3C218, W0D1D47C4, W7050C4EE, WB967F8DE, WE5690A9F, WC58931E5, WEDDB8DF4, WB36551D1, WED8F2440, WE32FAE4C, WCA1F0931, WBAC96C38, W38CD08E8, W1B2B5E73, W1D208A13, W5680E5C4, W8068228C, W959F3FFB, W16784D61, W59C64083, W86D4D28A, WD0112C68, W0D6B5DC7, WA39B7F08, WEBDEC70D, WC0E6C1E3, W981AE7BD, W8615F697, W86FB96BF], workgroup_size: [256, 1, 1], bindings: BINDINGS_3, workgroup_memory: 16384, reads_z: true },
        Kernel { name: "linear_tiled:small,vec4", entry_point: "linear_tiled", pieces: &[W7C47CE40, WC5D1E7FF, W0856254C, WEC36ACE0, WC2DFE266, WC965F229, W3EB3C218, W0D1D47C4, W7050C4EE, WB967F8DE, WE5690A9F, WC58931E5, WEDDB8DF4, WB36551D1, W5A7C4623, WE32FAE4C, WCA1F0931, WBAC96C38, W38CD08E8, WBA4AC9E4, W47423871, W959F3FFB, W16784D61, W59C64083, W86D4D28A, WD0112C68, W0D6B5DC7, WA39B7F08, WEBDEC70D, WC0E6C1E3, W981AE7BD, W8615F697, W86FB96BF], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 16384, reads_z: true },
        Kernel { name: "linear_tiled:small,half", entry_point: "linear_tiled", pieces: &[W148953AA, W7C47CE40, WC5D1E7FF, W0856254C, WEC36ACE0, WC2DFE266, WC965F229, W3EB3C218, W0D1D47C4, W7050C4EE, WB967F8DE, WE5690A9F, WC58931E5, WEDDB8DF4, WB36551D1, W10B78581, WE32FAE4C, WCA1F0931, WBAC96C38, W38CD08E8, WBA4AC9E4, W47423871, W959F3FFB, W16784D61, W59C64083, W86D4D28A, WD0112C68, W0D6B5DC7, WA39B7F08, WEBDEC70D, WC0E6C1E3, W981AE7BD, W8615F697, W86FB96BF], workgroup_size: [256, 1, 1], bindings: BINDINGS_1, workgroup_memory: 16384, reads_z: true },
        Kernel { name: "linear_tiled:small,half,half_out", entry_point: "linear_tiled", pieces: &[W148953AA, W7C47CE40, WC5D1E7FF, W0856254C, WEC36ACE0, WC2DFE266, WC965F229, W3EB3C218, W0D1D47C4, W7050C4EE, WB967F8DE, WE5690A9F, WC58931E5, WEDDB8DF4, WB36551D1, W10B78581, WE32FAE4C, WCA1F0931, WBAC96C38, W38CD08E8, WBA4AC9E4, W47423871, W959F3FFB, W16784D61, W59C64083, W86D4D28A, WD0112C68, W0D6B5DC7, W4E32BAF7, WEBDEC70D, WC0E6C1E3, W981AE7BD, W8615F697, W86FB96BF], workgroup_size: [256, 1, 1], bindings: BINDINGS_2, workgroup_memory: 16384, reads_z: true },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 16 },
        KernelBinding { name: "y", binding: 3, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "b", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "r", binding: 5, access: Access::Read, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 8 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 8 },
        KernelBinding { name: "y", binding: 3, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "b", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "r", binding: 5, access: Access::Read, stride: 4 },
    ];
    const BINDINGS_2: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 8 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 8 },
        KernelBinding { name: "y", binding: 3, access: Access::ReadWrite, stride: 2 },
        KernelBinding { name: "b", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "r", binding: 5, access: Access::Read, stride: 4 },
    ];
    const BINDINGS_3: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 3, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "b", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "r", binding: 5, access: Access::Read, stride: 4 },
    ];
}

/// Gradient of a linear layer's weight by cooperative matrices: of y = x·wᵀ (+ b), dw += dyᵀ·x.
pub mod linear_weight_backward_cooperative {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    pub use crate::linear_weight_backward::Arguments;

    /// Which `side` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Side {
        /// `cooperative8` in the source.
        Cooperative8,
        /// `cooperative16` in the source.
        Cooperative16,
    }

    /// Which `operands` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Operands {
        /// `vec4` in the source.
        Vec4,
        /// `half` in the source.
        Half,
    }

    /// The variant with these features.
    pub fn kernel(side: Side, operands: Operands) -> &'static Kernel {
        &VARIANTS[side as usize * 2 + operands as usize]
    }

    pub(crate) static VARIANTS: [Kernel; 4] = [
        Kernel { name: "linear_weight_backward_cooperative:cooperative8,vec4", entry_point: "linear_weight_backward_cooperative", pieces: &[WF6360019, W5A88D53B, WA3C2D218, WE8D5118F, WCF63F508, WAB4A4617, W7D2FCDB7, WD0112C68, W0D6B5DC7, WB37CA6B6, WE32FAE4C, W8E03EF98, W483962C0, WB38EE8E9, W572E4D51, W59C64083, W86909ABB, W30A2EAC1, WD5FDCB66, WF60888A1, W44C9D9A5, W46ED89E7, WEC36ACE0, W516ACE37, W391A48E4, WC80026D9, W98FC6BBD, W5E3B7866, W587D9BD5, W7AE9F516, WD1D867AB, WC9460618, W39FE35D6, WEF04B02A, WCEFC8A43, WE2646BFD, WC1065B98, WEA560DE3, WED46853C, W49A273E7, WBB5B7265, W75C3F445, W391F6094, W25A4E158, W3EDE9C1C, W8C215E57, W3FE1827E, W729FFC5E, W8D63A552, W655E1492, WD96CA896], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 12288, reads_z: false },
        Kernel { name: "linear_weight_backward_cooperative:cooperative8,half", entry_point: "linear_weight_backward_cooperative", pieces: &[W148953AA, WF6360019, W5A88D53B, WA3C2D218, WE8D5118F, WCF63F508, WAB4A4617, W7D2FCDB7, WD0112C68, W0D6B5DC7, WB37CA6B6, WE32FAE4C, W8E03EF98, W483962C0, WB38EE8E9, W572E4D51, W59C64083, W86909ABB, W30A2EAC1, WD5FDCB66, WF60888A1, W1F7D8D93, W46ED89E7, W3DBC7991, WB3C3725C, WF63A0AB8, WC80026D9, W98FC6BBD, W5E3B7866, W587D9BD5, W7AE9F516, WD1D867AB, WC9460618, W39FE35D6, WEF04B02A, WCEFC8A43, WE2646BFD, WC1065B98, WEA560DE3, WED46853C, W49A273E7, WBB5B7265, W75C3F445, W391F6094, W25A4E158, W3EDE9C1C, W8C215E57, W3FE1827E, W729FFC5E, W8D63A552, W655E1492, WD96CA896], workgroup_size: [64, 1, 1], bindings: BINDINGS_1, workgroup_memory: 12288, reads_z: false },
        Kernel { name: "linear_weight_backward_cooperative:cooperative16,vec4", entry_point: "linear_weight_backward_cooperative", pieces: &[WF6360019, W5A88D53B, WA3C2D218, WE8D5118F, WCF63F508, WAB4A4617, W7D2FCDB7, WD0112C68, W0D6B5DC7, WB37CA6B6, WE32FAE4C, W8E03EF98, W483962C0, WB38EE8E9, W572E4D51, W59C64083, W4FDAB6AB, W3EB5812F, W5A1D6603, W53B9085D, W44C9D9A5, W46ED89E7, WEC36ACE0, W516ACE37, W391A48E4, WB5D58C3E, WA838C1E7, W5E3B7866, W587D9BD5, W7AE9F516, WD1D867AB, WC9460618, W39FE35D6, WEF04B02A, WCEFC8A43, WE2646BFD, WC1065B98, WEA560DE3, WED46853C, W49A273E7, WBB5B7265, W75C3F445, WC66C4DAD, W799ACE7A, W3EDE9C1C, W8C215E57, WC77E0D7E, W9D920F82, W890FD47C, W635EF461, WD96CA896], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 14336, reads_z: false },
        Kernel { name: "linear_weight_backward_cooperative:cooperative16,half", entry_point: "linear_weight_backward_cooperative", pieces: &[W148953AA, WF6360019, W5A88D53B, WA3C2D218, WE8D5118F, WCF63F508, WAB4A4617, W7D2FCDB7, WD0112C68, W0D6B5DC7, WB37CA6B6, WE32FAE4C, W8E03EF98, W483962C0, WB38EE8E9, W572E4D51, W59C64083, W4FDAB6AB, W3EB5812F, W5A1D6603, W53B9085D, W1F7D8D93, W46ED89E7, W3DBC7991, WB3C3725C, WF63A0AB8, WB5D58C3E, WA838C1E7, W5E3B7866, W587D9BD5, W7AE9F516, WD1D867AB, WC9460618, W39FE35D6, WEF04B02A, WCEFC8A43, WE2646BFD, WC1065B98, WEA560DE3, WED46853C, W49A273E7, WBB5B7265, W75C3F445, WC66C4DAD, W799ACE7A, W3EDE9C1C, W8C215E57, WC77E0D7E, W9D920F82, W890FD47C, W635EF461, WD96CA896], workgroup_size: [64, 1, 1], bindings: BINDINGS_1, workgroup_memory: 14336, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "x", binding: 2, access: Access::Read, stride: 16 },
        KernelBinding { name: "dw", binding: 3, access: Access::ReadWrite, stride: 16 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 8 },
        KernelBinding { name: "x", binding: 2, access: Access::Read, stride: 8 },
        KernelBinding { name: "dw", binding: 3, access: Access::ReadWrite, stride: 16 },
    ];
}

/// Gradient of a linear layer's weight, through workgroup memory: of y = x·wᵀ (+ b), dw += dyᵀ·x.
pub mod linear_weight_backward_tiled {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    pub use crate::linear_weight_backward::Arguments;

    /// Which `size` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Size {
        /// `large` in the source.
        Large,
        /// `small` in the source.
        Small,
    }

    /// Which `left` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Left {
        /// `left1` in the source.
        Left1,
        /// `left4` in the source.
        Left4,
        /// `left_half` in the source.
        LeftHalf,
    }

    /// Which `right` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Right {
        /// `scalar` in the source.
        Scalar,
        /// `vec4` in the source.
        Vec4,
        /// `half` in the source.
        Half,
    }

    /// The variant with these features, if there is one: not all go together.
    pub fn kernel(size: Size, left: Left, right: Right) -> Option<&'static Kernel> {
        const PLACES: [Option<u16>; 18] = [None, Some(0), Some(1), None, Some(2), Some(3), None, Some(4), Some(5), Some(6), Some(7), Some(8), None, Some(9), Some(10), Some(11), Some(12), Some(13)];
        PLACES.get(size as usize * 9 + left as usize * 3 + right as usize)?.map(|place| &VARIANTS[usize::from(place)])
    }

    pub(crate) static VARIANTS: [Kernel; 14] = [
        Kernel { name: "linear_weight_backward_tiled:large,left1,vec4", entry_point: "linear_weight_backward_tiled", pieces: &[WCACAAEDF, W5E3B7866, WF836C876, WC7A2F05C, WBF766089, WE1BC86A1, W1E68CC6F, W183544DE, WEA7425C4, W8880B2A2, WB677404A, WD0112C68, W0D6B5DC7, WB37CA6B6, W6D27ED70, WCB2E52F5, WE32FAE4C, W5B6FFA21, W67B064A2, W7D798067, W202CC7F7, WCE47F11F, WDC307C1E, W0B4A545D, WBD4E54C2, W75CA64C9, WF785DAAF, W483962C0, WA6A96A10, W87C6AA95, WB12B9A93, W572E4D51, WE95CE5C1, W59C64083, W86D4D28A], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 8192, reads_z: false },
        Kernel { name: "linear_weight_backward_tiled:large,left1,half", entry_point: "linear_weight_backward_tiled", pieces: &[W148953AA, WCACAAEDF, W5E3B7866, WF836C876, WC7A2F05C, WBF766089, WE1BC86A1, W1E68CC6F, W183544DE, WEA7425C4, W8880B2A2, WB677404A, WD0112C68, W0D6B5DC7, WB37CA6B6, W6D27ED70, W0ECACF76, WE32FAE4C, W5B6FFA21, W67B064A2, W7D798067, W202CC7F7, WCE47F11F, WDC307C1E, W0B4A545D, WBD4E54C2, W75CA64C9, WF785DAAF, W483962C0, WA6A96A10, W87C6AA95, WB12B9A93, W572E4D51, WE95CE5C1, W59C64083, W86D4D28A], workgroup_size: [64, 1, 1], bindings: BINDINGS_1, workgroup_memory: 8192, reads_z: false },
        Kernel { name: "linear_weight_backward_tiled:large,left4,vec4", entry_point: "linear_weight_backward_tiled", pieces: &[WCACAAEDF, W5E3B7866, WF836C876, WC7A2F05C, WBF766089, WE1BC86A1, W1E68CC6F, W183544DE, WEA7425C4, W8880B2A2, WB677404A, WD0112C68, W0D6B5DC7, WB37CA6B6, WC3FBF1C0, WCB2E52F5, WE32FAE4C, W5B6FFA21, W67B064A2, W7D798067, W81677BDB, WDC307C1E, W0B4A545D, WBD4E54C2, W75CA64C9, WF785DAAF, W483962C0, WA6A96A10, W87C6AA95, WB12B9A93, W572E4D51, WE95CE5C1, W59C64083, W86D4D28A], workgroup_size: [64, 1, 1], bindings: BINDINGS_2, workgroup_memory: 8192, reads_z: false },
        Kernel { name: "linear_weight_backward_tiled:large,left4,half", entry_point: "linear_weight_backward_tiled", pieces: &[W148953AA, WCACAAEDF, W5E3B7866, WF836C876, WC7A2F05C, WBF766089, WE1BC86A1, W1E68CC6F, W183544DE, WEA7425C4, W8880B2A2, WB677404A, WD0112C68, W0D6B5DC7, WB37CA6B6, WC3FBF1C0, W0ECACF76, WE32FAE4C, W5B6FFA21, W67B064A2, W7D798067, W81677BDB, WDC307C1E, W0B4A545D, WBD4E54C2, W75CA64C9, WF785DAAF, W483962C0, WA6A96A10, W87C6AA95, WB12B9A93, W572E4D51, WE95CE5C1, W59C64083, W86D4D28A], workgroup_size: [64, 1, 1], bindings: BINDINGS_3, workgroup_memory: 8192, reads_z: false },
        Kernel { name: "linear_weight_backward_tiled:large,left_half,vec4", entry_point: "linear_weight_backward_tiled", pieces: &[W148953AA, WCACAAEDF, W5E3B7866, WF836C876, WC7A2F05C, WBF766089, WE1BC86A1, W1E68CC6F, W183544DE, WEA7425C4, W8880B2A2, WB677404A, WD0112C68, W0D6B5DC7, WB37CA6B6, W40CDB5C3, WCB2E52F5, WE32FAE4C, W5B6FFA21, W67B064A2, W7D798067, W81677BDB, WDC307C1E, W0B4A545D, WBD4E54C2, W75CA64C9, WF785DAAF, W483962C0, WA6A96A10, W87C6AA95, WB12B9A93, W572E4D51, WE95CE5C1, W59C64083, W86D4D28A], workgroup_size: [64, 1, 1], bindings: BINDINGS_4, workgroup_memory: 8192, reads_z: false },
        Kernel { name: "linear_weight_backward_tiled:large,left_half,half", entry_point: "linear_weight_backward_tiled", pieces: &[W148953AA, WCACAAEDF, W5E3B7866, WF836C876, WC7A2F05C, WBF766089, WE1BC86A1, W1E68CC6F, W183544DE, WEA7425C4, W8880B2A2, WB677404A, WD0112C68, W0D6B5DC7, WB37CA6B6, W40CDB5C3, W0ECACF76, WE32FAE4C, W5B6FFA21, W67B064A2, W7D798067, W81677BDB, WDC307C1E, W0B4A545D, WBD4E54C2, W75CA64C9, WF785DAAF, W483962C0, WA6A96A10, W87C6AA95, WB12B9A93, W572E4D51, WE95CE5C1, W59C64083, W86D4D28A], workgroup_size: [64, 1, 1], bindings: BINDINGS_5, workgroup_memory: 8192, reads_z: false },
        Kernel { name: "linear_weight_backward_tiled:small,left1,scalar", entry_point: "linear_weight_backward_tiled", pieces: &[W344EBFE9, WC5D1E7FF, W0856254C, WEC36ACE0, WC2DFE266, WC965F229, W3EB3C218, W0D1D47C4, W7050C4EE, WB967F8DE, WE5690A9F, WC58931E5, WEDDB8DF4, WD0112C68, W0D6B5DC7, WB37CA6B6, W6D27ED70, W35AE0A39, WE32FAE4C, W5B6FFA21, W67B064A2, W7D798067, W202CC7F7, WCE47F11F, WD136DFAE, WC012DB6B, W0B4A545D, WBD4E54C2, W75CA64C9, WF785DAAF, W483962C0, WA6A96A10, W87C6AA95, W59C64083, W86D4D28A], workgroup_size: [256, 1, 1], bindings: BINDINGS_6, workgroup_memory: 16384, reads_z: false },
        Kernel { name: "linear_weight_backward_tiled:small,left1,vec4", entry_point: "linear_weight_backward_tiled", pieces: &[W344EBFE9, WC5D1E7FF, W0856254C, WEC36ACE0, WC2DFE266, WC965F229, W3EB3C218, W0D1D47C4, W7050C4EE, WB967F8DE, WE5690A9F, WC58931E5, WEDDB8DF4, WD0112C68, W0D6B5DC7, WB37CA6B6, W6D27ED70, WCB2E52F5, WE32FAE4C, W5B6FFA21, W67B064A2, W7D798067, W202CC7F7, WCE47F11F, WDC307C1E, W0B4A545D, WBD4E54C2, W75CA64C9, WF785DAAF, W483962C0, WA6A96A10, W87C6AA95, W59C64083, W86D4D28A], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 16384, reads_z: false },
        Kernel { name: "linear_weight_backward_tiled:small,left1,half", entry_point: "linear_weight_backward_tiled", pieces: &[W148953AA, W344EBFE9, WC5D1E7FF, W0856254C, WEC36ACE0, WC2DFE266, WC965F229, W3EB3C218, W0D1D47C4, W7050C4EE, WB967F8DE, WE5690A9F, WC58931E5, WEDDB8DF4, WD0112C68, W0D6B5DC7, WB37CA6B6, W6D27ED70, W0ECACF76, WE32FAE4C, W5B6FFA21, W67B064A2, W7D798067, W202CC7F7, WCE47F11F, WDC307C1E, W0B4A545D, WBD4E54C2, W75CA64C9, WF785DAAF, W483962C0, WA6A96A10, W87C6AA95, W59C64083, W86D4D28A], workgroup_size: [256, 1, 1], bindings: BINDINGS_1, workgroup_memory: 16384, reads_z: false },
        Kernel { name: "linear_weight_backward_tiled:small,left4,vec4", entry_point: "linear_weight_backward_tiled", pieces: &[W344EBFE9, WC5D1E7FF, W0856254C, WEC36ACE0, WC2DFE266, WC965F229, W3EB3C218, W0D1D47C4, W7050C4EE, WB967F8DE, WE5690A9F, WC58931E5, WEDDB8DF4, WD0112C68, W0D6B5DC7, WB37CA6B6, WC3FBF1C0, WCB2E52F5, WE32FAE4C, W5B6FFA21, W67B064A2, W7D798067, W81677BDB, WDC307C1E, W0B4A545D, WBD4E54C2, W75CA64C9, WF785DAAF, W483962C0, WA6A96A10, W87C6AA95, W59C64083, W86D4D28A], workgroup_size: [256, 1, 1], bindings: BINDINGS_2, workgroup_memory: 16384, reads_z: false },
        Kernel { name: "linear_weight_backward_tiled:small,left4,half", entry_point: "linear_weight_backward_tiled", pieces: &[W148953AA, W344EBFE9, WC5D1E7FF, W0856254C, WEC36ACE0, WC2DFE266, WC965F229, W3EB3C218, W0D1D47C4, W7050C4EE, WB967F8DE, WE5690A9F, WC58931E5, WEDDB8DF4, WD0112C68, W0D6B5DC7, WB37CA6B6, WC3FBF1C0, W0ECACF76, WE32FAE4C, W5B6FFA21, W67B064A2, W7D798067, W81677BDB, WDC307C1E, W0B4A545D, WBD4E54C2, W75CA64C9, WF785DAAF, W483962C0, WA6A96A10, W87C6AA95, W59C64083, W86D4D28A], workgroup_size: [256, 1, 1], bindings: BINDINGS_3, workgroup_memory: 16384, reads_z: false },
        Kernel { name: "linear_weight_backward_tiled:small,left_half,scalar", entry_point: "linear_weight_backward_tiled", pieces: &[W148953AA, W344EBFE9, WC5D1E7FF, W0856254C, WEC36ACE0, WC2DFE266, WC965F229, W3EB3C218, W0D1D47C4, W7050C4EE, WB967F8DE, WE5690A9F, WC58931E5, WEDDB8DF4, WD0112C68, W0D6B5DC7, WB37CA6B6, W40CDB5C3, W35AE0A39, WE32FAE4C, W5B6FFA21, W67B064A2, W7D798067, W81677BDB, WD136DFAE, WC012DB6B, W0B4A545D, WBD4E54C2, W75CA64C9, WF785DAAF, W483962C0, WA6A96A10, W87C6AA95, W59C64083, W86D4D28A], workgroup_size: [256, 1, 1], bindings: BINDINGS_7, workgroup_memory: 16384, reads_z: false },
        Kernel { name: "linear_weight_backward_tiled:small,left_half,vec4", entry_point: "linear_weight_backward_tiled", pieces: &[W148953AA, W344EBFE9, WC5D1E7FF, W0856254C, WEC36ACE0, WC2DFE266, WC965F229, W3EB3C218, W0D1D47C4, W7050C4EE, WB967F8DE, WE5690A9F, WC58931E5, WEDDB8DF4, WD0112C68, W0D6B5DC7, WB37CA6B6, W40CDB5C3, WCB2E52F5, WE32FAE4C, W5B6FFA21, W67B064A2, W7D798067, W81677BDB, WDC307C1E, W0B4A545D, WBD4E54C2, W75CA64C9, WF785DAAF, W483962C0, WA6A96A10, W87C6AA95, W59C64083, W86D4D28A], workgroup_size: [256, 1, 1], bindings: BINDINGS_4, workgroup_memory: 16384, reads_z: false },
        Kernel { name: "linear_weight_backward_tiled:small,left_half,half", entry_point: "linear_weight_backward_tiled", pieces: &[W148953AA, W344EBFE9, WC5D1E7FF, W0856254C, WEC36ACE0, WC2DFE266, WC965F229, W3EB3C218, W0D1D47C4, W7050C4EE, WB967F8DE, WE5690A9F, WC58931E5, WEDDB8DF4, WD0112C68, W0D6B5DC7, WB37CA6B6, W40CDB5C3, W0ECACF76, WE32FAE4C, W5B6FFA21, W67B064A2, W7D798067, W81677BDB, WDC307C1E, W0B4A545D, WBD4E54C2, W75CA64C9, WF785DAAF, W483962C0, WA6A96A10, W87C6AA95, W59C64083, W86D4D28A], workgroup_size: [256, 1, 1], bindings: BINDINGS_5, workgroup_memory: 16384, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "x", binding: 2, access: Access::Read, stride: 16 },
        KernelBinding { name: "dw", binding: 3, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "x", binding: 2, access: Access::Read, stride: 8 },
        KernelBinding { name: "dw", binding: 3, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_2: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "x", binding: 2, access: Access::Read, stride: 16 },
        KernelBinding { name: "dw", binding: 3, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_3: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "x", binding: 2, access: Access::Read, stride: 8 },
        KernelBinding { name: "dw", binding: 3, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_4: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 8 },
        KernelBinding { name: "x", binding: 2, access: Access::Read, stride: 16 },
        KernelBinding { name: "dw", binding: 3, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_5: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 8 },
        KernelBinding { name: "x", binding: 2, access: Access::Read, stride: 8 },
        KernelBinding { name: "dw", binding: 3, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_6: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "x", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "dw", binding: 3, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_7: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 8 },
        KernelBinding { name: "x", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "dw", binding: 3, access: Access::ReadWrite, stride: 4 },
    ];
}

/// Muon's momentum of matrices, with g = scale·gradient: m ← μm + (1 − μ)g; x = μm + (1 − μ)g, or the transpose of it.
pub mod muon_momentum {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// Where the first matrix begins.
        pub first: u32,
        /// From one matrix to the next.
        pub distance: u32,
        /// Number in x of the first matrix.
        pub place: u32,
        /// R.
        pub rows: u32,
        /// C.
        pub columns: u32,
        /// 1 or 0.
        pub transposed: u32,
        /// μ.
        pub momentum: f32,
        /// 1 − μ.
        pub rest: f32,
    }

    crate::arguments!(32);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "muon_momentum", entry_point: "muon_momentum", pieces: &[W1A2DD759, WE32FAE4C, WAFFF447D, W70747F37, W5632007F, WBCDB6995, WBA2EBDD1, WD0112C68, W0D6B5DC7, WC3F4079A], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: true },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "gradients", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "first", binding: 3, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "x", binding: 4, access: Access::ReadWrite, stride: 4 },
    ];
}

/// Scales Muon's updates of matrices, one per z, to a norm of 1 where it is not too small: x ← x / max(‖x‖, eps).
pub mod muon_normalise {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// Vectors of four of a matrix.
        pub count: u32,
        /// Partial sums of a matrix.
        pub partials: u32,
        /// Smallest norm that is scaled to 1.
        pub eps: f32,
    }

    crate::arguments!(12);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "muon_normalise", entry_point: "muon_normalise", pieces: &[WB6FDB46F, WE32FAE4C, W91E6CA01, W1CF4A163, WEE2C1AAA, W59E6B889, W207F395B, WD0112C68, W0D6B5DC7], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 1024, reads_z: true },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "partials", binding: 1, access: Access::Read, stride: 8 },
        KernelBinding { name: "x", binding: 2, access: Access::ReadWrite, stride: 16 },
    ];
}

/// Muon's step of matrices: p ← p − lr·decay·p − lr·rate·x, where x [R, C] is the orthogonalised update, or its transpose [C, R].
pub mod muon_update {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// Where the first matrix begins.
        pub first: u32,
        /// From one matrix to the next.
        pub distance: u32,
        /// Number in x of the first matrix.
        pub place: u32,
        /// R.
        pub rows: u32,
        /// C.
        pub columns: u32,
        /// Whether x is: 1 or 0.
        pub transposed: u32,
        /// Decoupled weight decay.
        pub weight_decay: f32,
        /// Factor on the learning rate.
        pub rate: f32,
        /// Whether weights that are 0 stay 0: 1 or 0.
        pub keeps_zeros: u32,
    }

    crate::arguments!(36);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "muon_update", entry_point: "muon_update", pieces: &[WBF9E2EDA, WE32FAE4C, WAFFF447D, W916C3F7F, W4764026E, W75FCC348, WB765A0D0, WD0112C68, W0D6B5DC7, WC3F4079A, W17F15460], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: true },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "schedule", binding: 2, access: Access::Read, stride: 32 },
        KernelBinding { name: "x", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "parameters", binding: 4, access: Access::ReadWrite, stride: 4 },
    ];
}

/// Noise: y = x + size·u, u of [−1, 1) drawn for each entry from (seed, site, index).
pub mod noise {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// `count` of the kernel.
        pub count: u32,
        /// Number of the site.
        pub site: u32,
        /// Largest that is added.
        pub size: f32,
    }

    crate::arguments!(12);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "noise", entry_point: "noise", pieces: &[WC95F12AF, WE32FAE4C, WAFFF447D, W916C3F7F, W4764026E, W8FDD9370, W794D667F, W82C490A1, WD0112C68, W0D6B5DC7, W227E8FC1, W7F57DB32, WC3F4079A, W17F15460], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "schedule", binding: 2, access: Access::Read, stride: 32 },
        KernelBinding { name: "x", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 4, access: Access::ReadWrite, stride: 4 },
    ];
}

/// Norm: layer y = (x − μ)·ρ·(w + offset) (+ b), ρ = 1/√(var + eps); rms y = x·ρ·(w + offset), ρ = 1/√(mean x² + eps).
pub mod norm {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N.
        pub rows: u32,
        /// C, in entries.
        pub channels: u32,
        /// Added to the variance or mean square.
        pub eps: f32,
        /// Added to w: 1 where weights are stored without their 1.
        pub offset: f32,
        /// 1 adds b; else anything may be bound there.
        pub biased: u32,
    }

    crate::arguments!(20);

    /// Which `form` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Form {
        /// `layer` in the source.
        Layer,
        /// `rms` in the source.
        Rms,
    }

    /// Which `entries` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Entries {
        /// `scalar` in the source.
        Scalar,
        /// `vec4` in the source.
        Vec4,
        /// `half` in the source.
        Half,
    }

    /// The variant with these features.
    pub fn kernel(form: Form, entries: Entries) -> &'static Kernel {
        &VARIANTS[form as usize * 3 + entries as usize]
    }

    pub(crate) static VARIANTS: [Kernel; 6] = [
        Kernel { name: "norm:layer,scalar", entry_point: "norm", pieces: &[W05FC48B3, WE32FAE4C, WDAEC423D, W480AD105, W60AFEFA4, WB45DA36F, WC23F42F9, W75D4B825, WD0112C68, W0D6B5DC7, W7D143630, W1ED51749, WEF40394A, WC49E095A, W8240977E, W59E6B889, W207F395B, W5A1CE584], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 1024, reads_z: false },
        Kernel { name: "norm:layer,vec4", entry_point: "norm", pieces: &[W05FC48B3, WE32FAE4C, WDAEC423D, W480AD105, W60AFEFA4, WB45DA36F, WC23F42F9, W75D4B825, WD0112C68, W0D6B5DC7, W263D55F6, W9D79ED31, WC4D8DB01, WC49E095A, W8240977E, W59E6B889, W207F395B, W5A1CE584], workgroup_size: [64, 1, 1], bindings: BINDINGS_1, workgroup_memory: 1024, reads_z: false },
        Kernel { name: "norm:layer,half", entry_point: "norm", pieces: &[W148953AA, W05FC48B3, WE32FAE4C, WDAEC423D, W480AD105, W60AFEFA4, WB45DA36F, WC23F42F9, W75D4B825, WD0112C68, W0D6B5DC7, W263D55F6, W9D79ED31, WC4D8DB01, WC49E095A, W8240977E, W59E6B889, W207F395B, W4967A51A], workgroup_size: [64, 1, 1], bindings: BINDINGS_2, workgroup_memory: 1024, reads_z: false },
        Kernel { name: "norm:rms,scalar", entry_point: "norm", pieces: &[W05FC48B3, WE32FAE4C, WDAEC423D, W480AD105, W60AFEFA4, WB45DA36F, WC23F42F9, WA5F823C2, WD0112C68, W0D6B5DC7, W7D143630, W1ED51749, WEF40394A, WC49E095A, W8240977E, W59E6B889, W207F395B, W5A1CE584], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 1024, reads_z: false },
        Kernel { name: "norm:rms,vec4", entry_point: "norm", pieces: &[W05FC48B3, WE32FAE4C, WDAEC423D, W480AD105, W60AFEFA4, WB45DA36F, WC23F42F9, WA5F823C2, WD0112C68, W0D6B5DC7, W263D55F6, W9D79ED31, WC4D8DB01, WC49E095A, W8240977E, W59E6B889, W207F395B, W5A1CE584], workgroup_size: [64, 1, 1], bindings: BINDINGS_1, workgroup_memory: 1024, reads_z: false },
        Kernel { name: "norm:rms,half", entry_point: "norm", pieces: &[W148953AA, W05FC48B3, WE32FAE4C, WDAEC423D, W480AD105, W60AFEFA4, WB45DA36F, WC23F42F9, WA5F823C2, WD0112C68, W0D6B5DC7, W263D55F6, W9D79ED31, WC4D8DB01, WC49E095A, W8240977E, W59E6B889, W207F395B, W4967A51A], workgroup_size: [64, 1, 1], bindings: BINDINGS_2, workgroup_memory: 1024, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 3, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "statistics", binding: 4, access: Access::ReadWrite, stride: 8 },
        KernelBinding { name: "b", binding: 5, access: Access::Read, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 16 },
        KernelBinding { name: "y", binding: 3, access: Access::ReadWrite, stride: 16 },
        KernelBinding { name: "statistics", binding: 4, access: Access::ReadWrite, stride: 8 },
        KernelBinding { name: "b", binding: 5, access: Access::Read, stride: 16 },
    ];
    const BINDINGS_2: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 16 },
        KernelBinding { name: "y", binding: 3, access: Access::ReadWrite, stride: 8 },
        KernelBinding { name: "statistics", binding: 4, access: Access::ReadWrite, stride: 8 },
        KernelBinding { name: "b", binding: 5, access: Access::Read, stride: 16 },
    ];
}

/// Gradient of a norm's input, and parts of its weight's and bias's: of y = x̂·(w + offset) (+ b), x̂ = (x − μ)·ρ, with g = dy·(w + offset):
pub mod norm_backward {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N.
        pub rows: u32,
        /// C, in entries.
        pub channels: u32,
        /// Added to w: 1 where weights are stored without their 1.
        pub offset: f32,
        /// 1 adds r; else anything may be bound there.
        pub residual: u32,
        /// Rows of a workgroup.
        pub rows_in_group: u32,
        /// 1 writes a group's part of the weight's gradient, 2 also of the bias's, 0 none.
        pub parts: u32,
    }

    crate::arguments!(24);

    /// Which `form` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Form {
        /// `layer` in the source.
        Layer,
        /// `rms` in the source.
        Rms,
    }

    /// Which `entries` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Entries {
        /// `scalar` in the source.
        Scalar,
        /// `vec4` in the source.
        Vec4,
        /// `half` in the source.
        Half,
    }

    /// The variant with these features.
    pub fn kernel(form: Form, entries: Entries) -> &'static Kernel {
        &VARIANTS[form as usize * 3 + entries as usize]
    }

    pub(crate) static VARIANTS: [Kernel; 6] = [
        Kernel { name: "norm_backward:layer,scalar", entry_point: "norm_backward", pieces: &[WBEEEB9AF, WE32FAE4C, WDAEC423D, W480AD105, W552D82BF, W595F3A9B, W5D053D37, WA47AC17E, WB64478E0, W8A9057C7, W3B1A4532, WD0112C68, W0D6B5DC7, W7D143630, W1ED51749, WEF40394A, WC49E095A, W8240977E, W5A1CE584, W59E6B889, W207F395B], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 1536, reads_z: false },
        Kernel { name: "norm_backward:layer,vec4", entry_point: "norm_backward", pieces: &[WBEEEB9AF, WE32FAE4C, WDAEC423D, W480AD105, W552D82BF, W595F3A9B, W5D053D37, WA47AC17E, WB64478E0, W8A9057C7, W3B1A4532, WD0112C68, W0D6B5DC7, W263D55F6, W9D79ED31, WC4D8DB01, WC49E095A, W8240977E, W5A1CE584, W59E6B889, W207F395B], workgroup_size: [64, 1, 1], bindings: BINDINGS_1, workgroup_memory: 1536, reads_z: false },
        Kernel { name: "norm_backward:layer,half", entry_point: "norm_backward", pieces: &[W148953AA, WBEEEB9AF, WE32FAE4C, WDAEC423D, W480AD105, W552D82BF, W595F3A9B, W5D053D37, WA47AC17E, WB64478E0, W8A9057C7, W3B1A4532, WD0112C68, W0D6B5DC7, W263D55F6, W9D79ED31, WC4D8DB01, WC49E095A, W8240977E, W4967A51A, W59E6B889, W207F395B], workgroup_size: [64, 1, 1], bindings: BINDINGS_2, workgroup_memory: 1536, reads_z: false },
        Kernel { name: "norm_backward:rms,scalar", entry_point: "norm_backward", pieces: &[WBEEEB9AF, WE32FAE4C, WDAEC423D, W480AD105, W552D82BF, W595F3A9B, W5D053D37, WA47AC17E, WB64478E0, W8A9057C7, WDA83CEFF, WD0112C68, W0D6B5DC7, W7D143630, W1ED51749, WEF40394A, WC49E095A, W8240977E, W5A1CE584, W59E6B889, W207F395B], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 1536, reads_z: false },
        Kernel { name: "norm_backward:rms,vec4", entry_point: "norm_backward", pieces: &[WBEEEB9AF, WE32FAE4C, WDAEC423D, W480AD105, W552D82BF, W595F3A9B, W5D053D37, WA47AC17E, WB64478E0, W8A9057C7, WDA83CEFF, WD0112C68, W0D6B5DC7, W263D55F6, W9D79ED31, WC4D8DB01, WC49E095A, W8240977E, W5A1CE584, W59E6B889, W207F395B], workgroup_size: [64, 1, 1], bindings: BINDINGS_1, workgroup_memory: 1536, reads_z: false },
        Kernel { name: "norm_backward:rms,half", entry_point: "norm_backward", pieces: &[W148953AA, WBEEEB9AF, WE32FAE4C, WDAEC423D, W480AD105, W552D82BF, W595F3A9B, W5D053D37, WA47AC17E, WB64478E0, W8A9057C7, WDA83CEFF, WD0112C68, W0D6B5DC7, W263D55F6, W9D79ED31, WC4D8DB01, WC49E095A, W8240977E, W4967A51A, W59E6B889, W207F395B], workgroup_size: [64, 1, 1], bindings: BINDINGS_2, workgroup_memory: 1536, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "statistics", binding: 3, access: Access::Read, stride: 8 },
        KernelBinding { name: "dy", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "dx", binding: 5, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "r", binding: 6, access: Access::Read, stride: 4 },
        KernelBinding { name: "parts", binding: 7, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 16 },
        KernelBinding { name: "statistics", binding: 3, access: Access::Read, stride: 8 },
        KernelBinding { name: "dy", binding: 4, access: Access::Read, stride: 16 },
        KernelBinding { name: "dx", binding: 5, access: Access::ReadWrite, stride: 16 },
        KernelBinding { name: "r", binding: 6, access: Access::Read, stride: 16 },
        KernelBinding { name: "parts", binding: 7, access: Access::ReadWrite, stride: 16 },
    ];
    const BINDINGS_2: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 16 },
        KernelBinding { name: "statistics", binding: 3, access: Access::Read, stride: 8 },
        KernelBinding { name: "dy", binding: 4, access: Access::Read, stride: 8 },
        KernelBinding { name: "dx", binding: 5, access: Access::ReadWrite, stride: 16 },
        KernelBinding { name: "r", binding: 6, access: Access::Read, stride: 16 },
        KernelBinding { name: "parts", binding: 7, access: Access::ReadWrite, stride: 16 },
    ];
}

/// The optimizer's update of every trained entry, as engine/compiler/src/optimizer.rs says it, with g = scale·gradient:
pub mod optimizer {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// Vectors of four in a binding.
        pub count: u32,
        /// How many of them are decayed: the first ones.
        pub decayed_end: u32,
        /// Smoothing of the first moment, or momentum.
        pub beta1: f32,
        /// Smoothing of the second moment.
        pub beta2: f32,
        /// 1 − β₁, computed once so that every executor has the same.
        pub rest1: f32,
        /// 1 − β₂.
        pub rest2: f32,
        /// Added to the root of the second moment.
        pub eps: f32,
        /// Decoupled weight decay.
        pub weight_decay: f32,
        /// Whether weights that are 0 stay 0: 1 or 0.
        pub keeps_zeros: u32,
    }

    crate::arguments!(36);

    /// Which `rule` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Rule {
        /// `adam` in the source.
        Adam,
        /// `sgd` in the source.
        Sgd,
        /// `rmsprop` in the source.
        Rmsprop,
    }

    /// The variant with these features.
    pub fn kernel(rule: Rule) -> &'static Kernel {
        &VARIANTS[rule as usize]
    }

    pub(crate) static VARIANTS: [Kernel; 3] = [
        Kernel { name: "optimizer:adam", entry_point: "optimizer", pieces: &[WB587F82E, WE32FAE4C, WAFFF447D, W916C3F7F, W248E4E76, WB58B33FC, WAE987923, W43693504, WCB3E7242, WD0112C68, W0D6B5DC7, WC3F4079A, W17F15460], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
        Kernel { name: "optimizer:sgd", entry_point: "optimizer", pieces: &[WB587F82E, WE32FAE4C, WAFFF447D, W916C3F7F, W248E4E76, WB58B33FC, WAE987923, W49C9A9DB, WD0112C68, W0D6B5DC7, WC3F4079A, W17F15460], workgroup_size: [256, 1, 1], bindings: BINDINGS_1, workgroup_memory: 0, reads_z: false },
        Kernel { name: "optimizer:rmsprop", entry_point: "optimizer", pieces: &[WB587F82E, WE32FAE4C, WAFFF447D, W916C3F7F, W248E4E76, WB58B33FC, W43749BFB, WB65AFF42, WD0112C68, W0D6B5DC7, WC3F4079A, W17F15460], workgroup_size: [256, 1, 1], bindings: BINDINGS_2, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "schedule", binding: 2, access: Access::Read, stride: 32 },
        KernelBinding { name: "gradients", binding: 3, access: Access::Read, stride: 16 },
        KernelBinding { name: "parameters", binding: 4, access: Access::ReadWrite, stride: 16 },
        KernelBinding { name: "first", binding: 5, access: Access::ReadWrite, stride: 16 },
        KernelBinding { name: "second", binding: 6, access: Access::ReadWrite, stride: 16 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "schedule", binding: 2, access: Access::Read, stride: 32 },
        KernelBinding { name: "gradients", binding: 3, access: Access::Read, stride: 16 },
        KernelBinding { name: "parameters", binding: 4, access: Access::ReadWrite, stride: 16 },
        KernelBinding { name: "first", binding: 5, access: Access::ReadWrite, stride: 16 },
    ];
    const BINDINGS_2: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "schedule", binding: 2, access: Access::Read, stride: 32 },
        KernelBinding { name: "gradients", binding: 3, access: Access::Read, stride: 16 },
        KernelBinding { name: "parameters", binding: 4, access: Access::ReadWrite, stride: 16 },
        KernelBinding { name: "second", binding: 5, access: Access::ReadWrite, stride: 16 },
    ];
}

/// Peak of multiply-adds in registers: what no kernel can exceed on this device. No graph has it; `bench kernel` measures with it.
pub mod peak_flops {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N.
        pub count: u32,
        /// Turns of the loop.
        pub turns: u32,
        /// Between 0 and 1, so that sums stay finite.
        pub factor: f32,
        /// Added in each step.
        pub addend: f32,
    }

    crate::arguments!(16);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "peak_flops", entry_point: "peak_flops", pieces: &[WB2D71C39, WE32FAE4C, WE415E9C9, WAB39C196, WE0A3BF93, WD0112C68, W0D6B5DC7], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "y", binding: 1, access: Access::ReadWrite, stride: 4 },
    ];
}

/// Loss of answers by their rewards, and its gradient with respect to each token's loss: the sum over rows that count of
pub mod policy {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N.
        pub rows: u32,
        /// The target that does not count.
        pub ignored: u32,
        /// 1 where ρ is computed.
        pub ratio: u32,
        /// 1 where the penalty is multiplied by ρ.
        pub corrected: u32,
        /// ε.
        pub epsilon: f32,
        /// 1 where a row's part is a·l.
        pub weighs: u32,
    }

    crate::arguments!(24);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "policy", entry_point: "policy", pieces: &[W524F203B, WE32FAE4C, WAFFF447D, WA49761BE, WF94D40CC, WE6362F29, WD815FFC7, W53E15483, W2BFAD6BF, W06E928D0, W720103CD, W64A32FDA, WC3F4079A, WC1016DA6, W59E6B889, W207F395B], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 1024, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "rows", binding: 2, access: Access::Read, stride: 8 },
        KernelBinding { name: "targets", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "scores", binding: 4, access: Access::Read, stride: 16 },
        KernelBinding { name: "loss", binding: 5, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "weights", binding: 6, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "reports", binding: 7, access: Access::ReadWrite, stride: 44 },
    ];
}

/// Loss over pairs of answers, the better in row 2p and the worse in row 2p + 1, and its gradient with respect to each token's loss.
pub mod preference {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// P.
        pub pairs: u32,
        /// T.
        pub time: u32,
        /// The target that does not count.
        pub ignored: u32,
        /// 0 sigmoid, 1 orpo, 2 bradley-terry, 3 kto.
        pub kind: u32,
        /// β.
        pub beta: f32,
        /// bradley-terry's.
        pub margin: f32,
        /// bradley-terry's.
        pub center: f32,
        /// Scores of a micro-batch.
        pub scores: u32,
        /// Share of what a difference is of, below which it is none.
        pub tie: f32,
    }

    crate::arguments!(36);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "preference", entry_point: "preference", pieces: &[W277C32A9, WE32FAE4C, WAFFF447D, WA49761BE, WF94D40CC, W51895A57, WD815FFC7, W53E15483, W2BFAD6BF, W0149B520, WD8B06FEF, WE9C81B67, WA9C0B976, W71A77C96, W3A9F15FF, WC3F4079A, WC1016DA6, W59E6B889, W207F395B], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 1024, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 48 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "rows", binding: 2, access: Access::Read, stride: 8 },
        KernelBinding { name: "targets", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "scores", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "loss", binding: 5, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "weights", binding: 6, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "reports", binding: 7, access: Access::ReadWrite, stride: 44 },
    ];
}

/// Rotary positions (Su et al. 2021), halves paired as in Hugging Face's Llama; values pass.
pub mod rope {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// B·T.
        pub rows: u32,
        /// T.
        pub time: u32,
        /// H + K.
        pub turning_heads: u32,
        /// H + 2K.
        pub all_heads: u32,
        /// D / 2.
        pub half_size: u32,
        /// P.
        pub positions: u32,
        /// 1 forward, −1 back.
        pub turn: f32,
    }

    crate::arguments!(28);

    /// The variant with these features, if there is one: not all go together.
    pub fn kernel(cursor: bool, half: bool) -> Option<&'static Kernel> {
        const PLACES: [Option<u16>; 4] = [Some(0), Some(1), Some(2), None];
        PLACES.get(usize::from(cursor) * 2 + usize::from(half))?.map(|place| &VARIANTS[usize::from(place)])
    }

    pub(crate) static VARIANTS: [Kernel; 3] = [
        Kernel { name: "rope", entry_point: "rope", pieces: &[WD4CB626C, WE32FAE4C, W46B41050, WF197854B, W60AFEFA4, W429E07EF, WD0112C68, W0D6B5DC7, W22191FA4], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
        Kernel { name: "rope:half", entry_point: "rope", pieces: &[W148953AA, WD4CB626C, WE32FAE4C, W46B41050, WF197854B, W60AFEFA4, W429E07EF, WD0112C68, W0D6B5DC7, W472EFBB6], workgroup_size: [256, 1, 1], bindings: BINDINGS_1, workgroup_memory: 0, reads_z: false },
        Kernel { name: "rope:cursor", entry_point: "rope", pieces: &[WD4CB626C, WE32FAE4C, W46B41050, WF197854B, WE18AFA50, W8F2AD501, WF20817EE, WD0112C68, W0D6B5DC7, W22191FA4, W818D0471], workgroup_size: [256, 1, 1], bindings: BINDINGS_2, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "table", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 3, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 2 },
        KernelBinding { name: "table", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 3, access: Access::ReadWrite, stride: 2 },
    ];
    const BINDINGS_2: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "table", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "cursor", binding: 3, access: Access::Read, stride: 12 },
        KernelBinding { name: "y", binding: 4, access: Access::ReadWrite, stride: 4 },
    ];
}

/// A router's gates: y = exp(x − largest) / sum for the k largest logits, of equal ones the first, 0 for the others. The sum is over these k
pub mod route {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N.
        pub rows: u32,
        /// E.
        pub experts: u32,
        /// k.
        pub per_token: u32,
        /// 1 where the gates of a row add up to 1.
        pub renormalise: u32,
    }

    crate::arguments!(16);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "route", entry_point: "route", pieces: &[WF09CD31D, WE32FAE4C, W92E6200A, W260710EA, W19EA706F, WD0112C68, W0D6B5DC7], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 2, access: Access::ReadWrite, stride: 4 },
    ];
}

/// Gradient of a router's gates: dx = p·([y ≠ 0]·dy − Σ y·dy), p = y where the gates of a row add up to 1, else softmax(x).
pub mod route_backward {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N.
        pub rows: u32,
        /// E.
        pub experts: u32,
        /// 1 where the gates of a row add up to 1.
        pub renormalise: u32,
    }

    crate::arguments!(12);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "route_backward", entry_point: "route_backward", pieces: &[W000E537A, WE32FAE4C, W92E6200A, WA331CD61, WB6B2018C, W746FE9EB, WB37A9CBF, WD0112C68, W0D6B5DC7], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "dy", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "dx", binding: 4, access: Access::ReadWrite, stride: 4 },
    ];
}

/// Losses of a router, b·E·Σ load·p + z·lse² with p = softmax(x) and lse = log Σ exp x, for each row times its share, or their gradient.
pub mod router_loss {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N.
        pub rows: u32,
        /// E.
        pub experts: u32,
        /// b.
        pub balance: f32,
        /// `z` of the kernel.
        pub z: f32,
        /// On the gradient.
        pub factor: f32,
    }

    crate::arguments!(20);

    /// The variant with these features.
    pub fn kernel(backward: bool) -> &'static Kernel {
        &VARIANTS[usize::from(backward)]
    }

    pub(crate) static VARIANTS: [Kernel; 2] = [
        Kernel { name: "router_loss", entry_point: "router_loss", pieces: &[WB0404B39, WE32FAE4C, W92E6200A, WF2349D97, W34524943, W89973BAA, W0F0791D5, W142438D5, WD0112C68, W0D6B5DC7, WC3F4079A], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
        Kernel { name: "router_loss:backward", entry_point: "router_loss", pieces: &[WB0404B39, WE32FAE4C, W92E6200A, WF2349D97, W34524943, W89973BAA, W0F0791D5, W504DF6D6, WD0112C68, W0D6B5DC7, WC3F4079A], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "load", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "control", binding: 3, access: Access::Read, stride: 24 },
        KernelBinding { name: "shares", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "result", binding: 5, access: Access::ReadWrite, stride: 4 },
    ];
}

/// Reciprocal norms of the rows of a weight with a low-rank change: y = 1 / ‖w + factor·b·a‖, and 0 where the norm is 0.
pub mod row_norm {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// O.
        pub rows: u32,
        /// I.
        pub columns: u32,
        /// r.
        pub rank: u32,
        /// `factor` of the kernel.
        pub factor: f32,
    }

    crate::arguments!(16);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "row_norm", entry_point: "row_norm", pieces: &[W87A04D60, WE32FAE4C, W73C7DD5B, W881624AE, W30A26EC2, W8FDD9370, W04F21597, WD0112C68, W0D6B5DC7, W59E6B889, W207F395B], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 1024, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "w", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "a", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "b", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 4, access: Access::ReadWrite, stride: 4 },
    ];
}

/// The next token of each row's text from its logits: repetition penalty, temperature, top-k, top-p, min-p, draw.
pub mod sample {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// V.
        pub vocabulary: u32,
        /// Tokens that the penalty looks back on.
        pub context_length: u32,
        /// Entries of a history.
        pub capacity: u32,
        /// Draws of a text.
        pub each: u32,
    }

    crate::arguments!(16);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "sample", entry_point: "sample", pieces: &[WDF86D462, W971146B8, W3EAD8F87, W89C40F9E, W494FC686, WE32FAE4C, WAB1E1210, WFBB6A2E8, W582254EE, WF64FD81E, W5B3BB170, W2A144ED8, W0E0B2FBC, W60F14364, W085059D2, W40CE1D1E, W8403D551, W49339BC8, W3373EA83, W84552074, W87A75E37, W93CAF7AE, WED0C6028, WD68923EA, WAE3F7C64, W340A950F, WACB7DB32, W5165C143, W3913BA94, WC4D00E00], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 3152, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "settings", binding: 1, access: Access::Read, stride: 64 },
        KernelBinding { name: "draws", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "logits", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "keys", binding: 4, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "weights", binding: 5, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "history", binding: 6, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "written", binding: 7, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "state", binding: 8, access: Access::ReadWrite, stride: 16 },
    ];
}

/// A value times a constant, and times factors that repeat over it, plus a bias that does: y = x·factor (·w) (+ b), entry by entry.
pub mod scale {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// Entries of y.
        pub count: u32,
        /// `factor` of the kernel.
        pub factor: f32,
        /// Entries of w, and of b if it is added; 0 where nothing is multiplied by w, and anything may be bound there.
        pub period: u32,
        /// 1 adds b; else anything may be bound there.
        pub biased: u32,
    }

    crate::arguments!(16);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "scale", entry_point: "scale", pieces: &[WE8316297, WE32FAE4C, W92E6200A, W260710EA, WB9612DB8, WC0E6C1E3, W892E7B61, WD0112C68, W0D6B5DC7], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 2, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "w", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "b", binding: 4, access: Access::Read, stride: 4 },
    ];
}

/// Scores in the place of likelihoods: the loss of each row is its logit, negated; 0 where the target is ignored.
pub mod score {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N.
        pub rows: u32,
        /// 1 where there is a target that does not count.
        pub ignoring: u32,
        /// That target.
        pub ignored: u32,
        /// What makes the logit a log-sum-exp that leaves no softmax.
        pub beyond: f32,
    }

    crate::arguments!(16);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "score", entry_point: "score", pieces: &[WD39BF90D, WE32FAE4C, WAFFF447D, WE0FC6C0F, WF94D40CC, WF277C6E0, WBA3E3D91, WD0112C68, W0D6B5DC7, WC3F4079A], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "logits", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "targets", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "rows", binding: 4, access: Access::ReadWrite, stride: 8 },
    ];
}

/// Soft cap: y = c·tanh(x/c), entry by entry, or its gradient from y: dx = dy·(1 − (y/c)²).
pub mod softcap {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// Entries.
        pub count: u32,
        /// c.
        pub cap: f32,
    }

    crate::arguments!(8);

    /// The variant with these features.
    pub fn kernel(backward: bool) -> &'static Kernel {
        &VARIANTS[usize::from(backward)]
    }

    pub(crate) static VARIANTS: [Kernel; 2] = [
        Kernel { name: "softcap", entry_point: "softcap", pieces: &[W9A80AB71, WE32FAE4C, W35539050, W9BAE96C7, W98DC70AB, WD0112C68, W0D6B5DC7, WAB9B026A], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
        Kernel { name: "softcap:backward", entry_point: "softcap", pieces: &[W9A80AB71, WE32FAE4C, W35539050, W9BAE96C7, WB6B2018C, WB219D0C4, WD0112C68, W0D6B5DC7], workgroup_size: [256, 1, 1], bindings: BINDINGS_1, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "given", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "result", binding: 2, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "given", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "result", binding: 2, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "dy", binding: 3, access: Access::Read, stride: 4 },
    ];
}

/// Squared error of each row, Σ (y − x)², or its gradient: dx = 2·f·(y − x), f = scale/count times the loss scale, 0 for ignored rows.
pub mod squared_error {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N.
        pub rows: u32,
        /// C.
        pub columns: u32,
        /// 1 where there is a target that does not count.
        pub ignoring: u32,
        /// That target.
        pub ignored: u32,
        /// 1 / number of micro-batches.
        pub scale: f32,
    }

    crate::arguments!(20);

    /// The variant with these features.
    pub fn kernel(backward: bool) -> &'static Kernel {
        &VARIANTS[usize::from(backward)]
    }

    pub(crate) static VARIANTS: [Kernel; 2] = [
        Kernel { name: "squared_error", entry_point: "squared_error", pieces: &[WD3F47E50, WE32FAE4C, WAFFF447D, WA331CD61, W4764026E, WB9701902, W556B124D, WAC1EB8A2, WD0112C68, W0D6B5DC7, WC3F4079A], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
        Kernel { name: "squared_error:backward", entry_point: "squared_error", pieces: &[WD3F47E50, WE32FAE4C, WAFFF447D, WA331CD61, W4764026E, WB9701902, W0F0791D5, WC30D1A42, W6F612486, WD0112C68, W0D6B5DC7, WC3F4079A], workgroup_size: [256, 1, 1], bindings: BINDINGS_1, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "y", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "x", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "targets", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "result", binding: 5, access: Access::ReadWrite, stride: 8 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "y", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "x", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "targets", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "result", binding: 5, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "loss", binding: 6, access: Access::Read, stride: 4 },
    ];
}

/// Column sums: dx[c] = Σ over rows of dy[n,c], or dx[c] += Σ; the gradient of a bias, and of the first rows of a position table.
pub mod sum_rows {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N.
        pub rows: u32,
        /// C, in entries.
        pub columns: u32,
        /// 1 adds to dx.
        pub accumulate: u32,
        /// Columns of dx, in entries; `second` has the others.
        pub first: u32,
    }

    crate::arguments!(16);

    /// Which `tier` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Tier {
        /// `column` in the source.
        Column,
        /// `workgroup` in the source.
        Workgroup,
    }

    /// Which `entries` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Entries {
        /// `scalar` in the source.
        Scalar,
        /// `vec4` in the source.
        Vec4,
        /// `half` in the source.
        Half,
    }

    /// The variant with these features, if there is one: not all go together.
    pub fn kernel(tier: Tier, entries: Entries, half_out: bool, pair: bool) -> Option<&'static Kernel> {
        const PLACES: [Option<u16>; 24] = [Some(0), Some(1), None, None, Some(2), Some(3), Some(4), None, Some(5), None, None, None, Some(6), Some(7), None, None, Some(8), Some(9), None, None, Some(10), None, None, None];
        PLACES.get(tier as usize * 12 + entries as usize * 4 + usize::from(half_out) * 2 + usize::from(pair))?.map(|place| &VARIANTS[usize::from(place)])
    }

    pub(crate) static VARIANTS: [Kernel; 11] = [
        Kernel { name: "sum_rows:column,scalar", entry_point: "sum_rows", pieces: &[W9F24018C, WD5F6ED65, WE32FAE4C, W02648519, W435FBF50, W0B85CA4D, W1202945E, W21C5C6E4, W740C2757, W18FC489B, W46FD0995, W28A7B4AB, WA538A15B, WD0112C68, W0D6B5DC7, W7D143630, W5A1CE584], workgroup_size: [16, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
        Kernel { name: "sum_rows:column,scalar,pair", entry_point: "sum_rows", pieces: &[W9F24018C, WD5F6ED65, WE32FAE4C, W02648519, W435FBF50, W924842B8, W0B85CA4D, WEEB6763F, W21C5C6E4, W740C2757, W18FC489B, W46FD0995, W28A7B4AB, WA538A15B, WD0112C68, W0D6B5DC7, W7D143630, W5A1CE584], workgroup_size: [16, 1, 1], bindings: BINDINGS_1, workgroup_memory: 0, reads_z: false },
        Kernel { name: "sum_rows:column,vec4", entry_point: "sum_rows", pieces: &[W9F24018C, WD5F6ED65, WE32FAE4C, W02648519, W435FBF50, W0B85CA4D, W1202945E, W21C5C6E4, W740C2757, W18FC489B, W46FD0995, W28A7B4AB, WA538A15B, WD0112C68, W0D6B5DC7, W263D55F6, W5A1CE584], workgroup_size: [16, 1, 1], bindings: BINDINGS_2, workgroup_memory: 0, reads_z: false },
        Kernel { name: "sum_rows:column,vec4,pair", entry_point: "sum_rows", pieces: &[W9F24018C, WD5F6ED65, WE32FAE4C, W02648519, W435FBF50, W924842B8, W0B85CA4D, WEEB6763F, W21C5C6E4, W740C2757, W18FC489B, W46FD0995, W28A7B4AB, WA538A15B, WD0112C68, W0D6B5DC7, W263D55F6, W5A1CE584], workgroup_size: [16, 1, 1], bindings: BINDINGS_3, workgroup_memory: 0, reads_z: false },
        Kernel { name: "sum_rows:column,vec4,half_out", entry_point: "sum_rows", pieces: &[W148953AA, W02BE1858, WD5F6ED65, WE32FAE4C, W02648519, W435FBF50, W0B85CA4D, W1202945E, W21C5C6E4, W740C2757, W18FC489B, W46FD0995, W28A7B4AB, WA538A15B, WD0112C68, W0D6B5DC7, W263D55F6, W5A1CE584], workgroup_size: [16, 1, 1], bindings: BINDINGS_4, workgroup_memory: 0, reads_z: false },
        Kernel { name: "sum_rows:column,half", entry_point: "sum_rows", pieces: &[W148953AA, W9F24018C, WD5F6ED65, WE32FAE4C, W02648519, W435FBF50, W0B85CA4D, W1202945E, W21C5C6E4, W740C2757, W18FC489B, W46FD0995, W28A7B4AB, WA538A15B, WD0112C68, W0D6B5DC7, W263D55F6, W4967A51A], workgroup_size: [16, 1, 1], bindings: BINDINGS_5, workgroup_memory: 0, reads_z: false },
        Kernel { name: "sum_rows:workgroup,scalar", entry_point: "sum_rows", pieces: &[W9F24018C, WD5F6ED65, WE32FAE4C, W02648519, W435FBF50, WD282B7C0, W1202945E, W16E1FFBF, W4D05D513, W18FC489B, W53AA9388, W46FD0995, W28A7B4AB, W9D540375, WD0112C68, W0D6B5DC7, W7D143630, W5A1CE584], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 1024, reads_z: false },
        Kernel { name: "sum_rows:workgroup,scalar,pair", entry_point: "sum_rows", pieces: &[W9F24018C, WD5F6ED65, WE32FAE4C, W02648519, W435FBF50, W924842B8, WD282B7C0, WEEB6763F, W16E1FFBF, W4D05D513, W18FC489B, W53AA9388, W46FD0995, W28A7B4AB, W9D540375, WD0112C68, W0D6B5DC7, W7D143630, W5A1CE584], workgroup_size: [256, 1, 1], bindings: BINDINGS_1, workgroup_memory: 1024, reads_z: false },
        Kernel { name: "sum_rows:workgroup,vec4", entry_point: "sum_rows", pieces: &[W9F24018C, WD5F6ED65, WE32FAE4C, W02648519, W435FBF50, WD282B7C0, W1202945E, W16E1FFBF, W4D05D513, W18FC489B, W53AA9388, W46FD0995, W28A7B4AB, W9D540375, WD0112C68, W0D6B5DC7, W263D55F6, W5A1CE584], workgroup_size: [256, 1, 1], bindings: BINDINGS_2, workgroup_memory: 4096, reads_z: false },
        Kernel { name: "sum_rows:workgroup,vec4,pair", entry_point: "sum_rows", pieces: &[W9F24018C, WD5F6ED65, WE32FAE4C, W02648519, W435FBF50, W924842B8, WD282B7C0, WEEB6763F, W16E1FFBF, W4D05D513, W18FC489B, W53AA9388, W46FD0995, W28A7B4AB, W9D540375, WD0112C68, W0D6B5DC7, W263D55F6, W5A1CE584], workgroup_size: [256, 1, 1], bindings: BINDINGS_3, workgroup_memory: 4096, reads_z: false },
        Kernel { name: "sum_rows:workgroup,half", entry_point: "sum_rows", pieces: &[W148953AA, W9F24018C, WD5F6ED65, WE32FAE4C, W02648519, W435FBF50, WD282B7C0, W1202945E, W16E1FFBF, W4D05D513, W18FC489B, W53AA9388, W46FD0995, W28A7B4AB, W9D540375, WD0112C68, W0D6B5DC7, W263D55F6, W4967A51A], workgroup_size: [256, 1, 1], bindings: BINDINGS_5, workgroup_memory: 4096, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "dx", binding: 2, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_1: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "dx", binding: 2, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "second", binding: 3, access: Access::ReadWrite, stride: 4 },
    ];
    const BINDINGS_2: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "dx", binding: 2, access: Access::ReadWrite, stride: 16 },
    ];
    const BINDINGS_3: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "dx", binding: 2, access: Access::ReadWrite, stride: 16 },
        KernelBinding { name: "second", binding: 3, access: Access::ReadWrite, stride: 16 },
    ];
    const BINDINGS_4: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 16 },
        KernelBinding { name: "dx", binding: 2, access: Access::ReadWrite, stride: 8 },
    ];
    const BINDINGS_5: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "dy", binding: 1, access: Access::Read, stride: 8 },
        KernelBinding { name: "dx", binding: 2, access: Access::ReadWrite, stride: 16 },
    ];
}

/// The k largest entries of each row that are above 0; 0 for the others. Entries equal to the k-th largest are all kept.
pub mod top_k {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N.
        pub rows: u32,
        /// F.
        pub columns: u32,
        /// `k` of the kernel.
        pub k: u32,
    }

    crate::arguments!(12);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "top_k", entry_point: "top_k", pieces: &[W3FA5DB14, WE32FAE4C, W92E6200A, W260710EA, W13609F11, WC9F479D3, WD0112C68, W0D6B5DC7, WC49E095A, W8240977E, W59E6B889, W207F395B], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 1024, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "x", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 2, access: Access::ReadWrite, stride: 4 },
    ];
}

/// Cross-entropy of each row with unlikelihood of the tokens before: lse − x[target] − α·Σ ln(max(1 − p, 1e-5)), p = softmax(x), over the
pub mod unlikelihood {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N.
        pub rows: u32,
        /// T.
        pub time: u32,
        /// V.
        pub vocabulary: u32,
        /// α.
        pub alpha: f32,
        /// 1 where rows hold several documents.
        pub documents: u32,
        /// 1 where there is a target that does not count.
        pub ignoring: u32,
        /// That target.
        pub ignored: u32,
    }

    crate::arguments!(28);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "unlikelihood", entry_point: "unlikelihood", pieces: &[WC8F3EAAE, WE32FAE4C, WAFFF447D, WE0FC6C0F, W9545BC88, WB9701902, W230ACB1E, W6440DA8B, W45923EA9, W81AA33AE, WD0112C68, W0D6B5DC7, W59E6B889, W207F395B, W92660EF3, WC3F4079A, WF85A4102, W66C98CD9, WB79F7092, W7D0364BC, W993710E7], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 3072, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "logits", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "tokens", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "targets", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "starts", binding: 5, access: Access::Read, stride: 4 },
        KernelBinding { name: "rows", binding: 6, access: Access::ReadWrite, stride: 8 },
        KernelBinding { name: "sums", binding: 7, access: Access::ReadWrite, stride: 8 },
    ];
}

/// Gradient of the mean cross-entropy with unlikelihood: dx[n,j] = f·(p − [j = target] + α·([j ∈ C]·p/(1 − p) − p·S[n])), 0 for ignored
pub mod unlikelihood_backward {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N.
        pub rows: u32,
        /// T.
        pub time: u32,
        /// V.
        pub vocabulary: u32,
        /// α.
        pub alpha: f32,
        /// 1 where rows hold several documents.
        pub documents: u32,
        /// 1 where there is a target that does not count.
        pub ignoring: u32,
        /// That target.
        pub ignored: u32,
        /// 1 / number of micro-batches.
        pub scale: f32,
    }

    crate::arguments!(32);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "unlikelihood_backward", entry_point: "unlikelihood_backward", pieces: &[WEC1F463E, WE32FAE4C, WAFFF447D, WE0FC6C0F, W9545BC88, WB9701902, W230ACB1E, WDCFF8472, WA18F9AB3, W0F935709, WE9F88BD9, WD0112C68, W0D6B5DC7, WC3F4079A, WF85A4102, W66C98CD9, WB79F7092, W7D0364BC, W993710E7], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 2048, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 32 },
        KernelBinding { name: "control", binding: 1, access: Access::Read, stride: 24 },
        KernelBinding { name: "logits", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "tokens", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "targets", binding: 4, access: Access::Read, stride: 4 },
        KernelBinding { name: "starts", binding: 5, access: Access::Read, stride: 4 },
        KernelBinding { name: "sums", binding: 6, access: Access::Read, stride: 8 },
        KernelBinding { name: "loss", binding: 7, access: Access::Read, stride: 4 },
        KernelBinding { name: "dx", binding: 8, access: Access::ReadWrite, stride: 4 },
    ];
}

/// Weights stored in fewer bits, as 32-bit floats: y = w.
pub mod unpack {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// O·I, in quads.
        pub count: u32,
        /// I, in quads.
        pub columns: u32,
    }

    crate::arguments!(8);

    /// Which `format` the variant is built for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Format {
        /// `floats16` in the source.
        Floats16,
        /// `q8_0` in the source.
        Q80,
        /// `q4_0` in the source.
        Q40,
    }

    impl Format {
        /// The one for a quantised format, by its GGUF name.
        pub fn quantised(name: &str) -> Option<Self> {
            let known = [("Q8_0", Self::Q80), ("Q4_0", Self::Q40)];
            known.into_iter().find(|known| known.0 == name).map(|known| known.1)
        }
    }

    /// The variant with these features.
    pub fn kernel(format: Format) -> &'static Kernel {
        &VARIANTS[format as usize]
    }

    pub(crate) static VARIANTS: [Kernel; 3] = [
        Kernel { name: "unpack:floats16", entry_point: "unpack", pieces: &[W8BA0BAB8, WE32FAE4C, W5EC5A768, WB1E903B4, WE4A65A78, W8D778FB2, WD0112C68, W0D6B5DC7, W10EDD64A], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
        Kernel { name: "unpack:q8_0", entry_point: "unpack", pieces: &[W8BA0BAB8, WE32FAE4C, W5EC5A768, W37F1B3F8, W8D778FB2, WD0112C68, W0D6B5DC7, WB1E903B4, W102C8370, W11F24865, W10EDD64A], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
        Kernel { name: "unpack:q4_0", entry_point: "unpack", pieces: &[W8BA0BAB8, WE32FAE4C, W5EC5A768, W37F1B3F8, W8D778FB2, WD0112C68, W0D6B5DC7, WB1E903B4, W6F28A13E, W3E0C42B8, W10EDD64A], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "y", binding: 1, access: Access::ReadWrite, stride: 16 },
        KernelBinding { name: "w", binding: 2, access: Access::Read, stride: 4 },
    ];
}

/// The hidden channels of experts times their gates: y = g·h, and 0 where the gate is 0, whatever h is.
pub mod weigh_experts {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// Entries of y.
        pub count: u32,
        /// F.
        pub hidden: u32,
    }

    crate::arguments!(8);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "weigh_experts", entry_point: "weigh_experts", pieces: &[W95DC85D8, WE32FAE4C, W50A33EFC, W6F33E034, WA8D23C4E, WE68E5F94, WD0112C68, W0D6B5DC7], workgroup_size: [256, 1, 1], bindings: BINDINGS_0, workgroup_memory: 0, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "h", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "gates", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "y", binding: 3, access: Access::ReadWrite, stride: 4 },
    ];
}

/// Gradients of weigh_experts.wgsl: dh = g·dy and dg = Σ h·dy, both 0 where the gate is 0.
pub mod weigh_experts_backward {
    use crate::pieces::*;
    use crate::{Access, Kernel, KernelBinding};
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N·E.
        pub rows: u32,
        /// F.
        pub hidden: u32,
    }

    crate::arguments!(8);

    /// The variant with these features.
    pub fn kernel() -> &'static Kernel {
        &VARIANTS[0]
    }

    pub(crate) static VARIANTS: [Kernel; 1] = [
        Kernel { name: "weigh_experts_backward", entry_point: "weigh_experts_backward", pieces: &[W40A29FCF, WE32FAE4C, W50A33EFC, W6F33E034, WB6B2018C, WD7986C7C, WF679EE3A, W05D7EE37, WD0112C68, W0D6B5DC7, WC49E095A, W8240977E, W59E6B889, W207F395B], workgroup_size: [64, 1, 1], bindings: BINDINGS_0, workgroup_memory: 1024, reads_z: false },
    ];
    const BINDINGS_0: &[KernelBinding] = &[
        KernelBinding { name: "arguments", binding: 0, access: Access::Uniform, stride: 16 },
        KernelBinding { name: "h", binding: 1, access: Access::Read, stride: 4 },
        KernelBinding { name: "gates", binding: 2, access: Access::Read, stride: 4 },
        KernelBinding { name: "dy", binding: 3, access: Access::Read, stride: 4 },
        KernelBinding { name: "dh", binding: 4, access: Access::ReadWrite, stride: 4 },
        KernelBinding { name: "dgates", binding: 5, access: Access::ReadWrite, stride: 4 },
    ];
}

/// Arguments that several kernels take.
pub mod attention {
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// B.
        pub batch: u32,
        /// T.
        pub time: u32,
        /// H.
        pub heads: u32,
        /// K.
        pub kv_heads: u32,
        /// D.
        pub head_size: u32,
        /// Workgroups that share a head's channels: each computes COLUMNS of them.
        pub parts: u32,
        /// 1 / √D.
        pub scale: f32,
        /// 1 where scores have a soft cap.
        pub capped: u32,
        /// c.
        pub softcap: f32,
        /// 1 where probabilities are dropped.
        pub dropout: u32,
        /// Number of the dropout site.
        pub site: u32,
        /// Random bits below it drop a probability.
        pub threshold: u32,
        /// 1 / (1 − rate).
        pub keep_scale: f32,
        /// Positions that a query sees, its own included: all, or those of a sliding window.
        pub seen: u32,
        /// 1 where rows hold several documents; else anything may be bound as their starts.
        pub documents: u32,
    }

    crate::arguments!(60);

}

/// Arguments that several kernels take.
pub mod linear {
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N.
        pub rows: u32,
        /// O.
        pub columns: u32,
        /// I.
        pub inner: u32,
        /// Tiles in a row of tiles.
        pub column_tiles: u32,
        /// From a row of y and r to the next: O, or more where w is a part.
        pub stride: u32,
        /// 1 adds b; else anything may be bound there.
        pub biased: u32,
        /// 1 adds r; likewise.
        pub residual: u32,
    }

    crate::arguments!(28);

}

/// Arguments that several kernels take.
pub mod linear_input_backward {
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// N.
        pub rows: u32,
        /// I.
        pub columns: u32,
        /// O.
        pub inner: u32,
        /// Tiles in a row of tiles.
        pub column_tiles: u32,
        /// Tiles of a slice.
        pub tiles: u32,
        /// Inner steps of a slice, a multiple of 32 or all.
        pub slice: u32,
        /// From a row of dy to the next: O, or more where w is a part.
        pub stride: u32,
        /// 1 adds to dx, as parts of w after the first do.
        pub accumulate: u32,
        /// 1 adds r; else anything may be bound there.
        pub residual: u32,
    }

    crate::arguments!(36);

}

/// Arguments that several kernels take.
pub mod linear_weight_backward {
    /// The kernel's uniform structure, `Arguments` in its source.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    pub struct Arguments {
        /// O.
        pub rows: u32,
        /// I.
        pub columns: u32,
        /// N.
        pub inner: u32,
        /// Tiles in a row of tiles.
        pub column_tiles: u32,
        /// Tiles of a slice.
        pub tiles: u32,
        /// Inner steps of a slice, a multiple of 32 or all.
        pub slice: u32,
        /// 1 adds to dw, 0 writes each slice by itself.
        pub accumulate: u32,
        /// From a row of dy to the next: O, or more where dw is a part.
        pub stride: u32,
    }

    crate::arguments!(32);

}

/// Every variant of every kernel, by file and then by variant.
pub static KERNELS: &[&Kernel] = &[
    &activation::VARIANTS[0], &activation::VARIANTS[1], &activation::VARIANTS[2],
    &activation_backward::VARIANTS[0], &activation_backward::VARIANTS[1], &activation_backward::VARIANTS[2],
    &add::VARIANTS[0], &add::VARIANTS[1],
    &advance::VARIANTS[0],
    &attention_backward::VARIANTS[0], &attention_backward::VARIANTS[1], &attention_backward::VARIANTS[2], &attention_backward::VARIANTS[3],
    &attention_forward::VARIANTS[0], &attention_forward::VARIANTS[1], &attention_forward::VARIANTS[2], &attention_forward::VARIANTS[3],
    &cached_attention::VARIANTS[0], &cached_attention::VARIANTS[1],
    &cached_attention_join::VARIANTS[0],
    &cached_write::VARIANTS[0],
    &cast_f16::VARIANTS[0],
    &cross_entropy::VARIANTS[0],
    &cross_entropy_backward::VARIANTS[0], &cross_entropy_backward::VARIANTS[1],
    &cross_entropy_mean::VARIANTS[0],
    &decode_feed::VARIANTS[0],
    &distil::VARIANTS[0],
    &distil_backward::VARIANTS[0],
    &dropout::VARIANTS[0], &dropout::VARIANTS[1], &dropout::VARIANTS[2], &dropout::VARIANTS[3], &dropout::VARIANTS[4], &dropout::VARIANTS[5], &dropout::VARIANTS[6],
    &embedding::VARIANTS[0], &embedding::VARIANTS[1], &embedding::VARIANTS[2], &embedding::VARIANTS[3], &embedding::VARIANTS[4],
    &embedding_backward::VARIANTS[0], &embedding_backward::VARIANTS[1],
    &expert_load::VARIANTS[0],
    &gate::VARIANTS[0], &gate::VARIANTS[1], &gate::VARIANTS[2],
    &gate_backward::VARIANTS[0], &gate_backward::VARIANTS[1], &gate_backward::VARIANTS[2],
    &gradient_norm::VARIANTS[0],
    &gradient_squares::VARIANTS[0],
    &head_norm::VARIANTS[0], &head_norm::VARIANTS[1],
    &head_norm_backward::VARIANTS[0], &head_norm_backward::VARIANTS[1],
    &head_norm_weight_partial::VARIANTS[0], &head_norm_weight_partial::VARIANTS[1],
    &jump_relu::VARIANTS[0], &jump_relu::VARIANTS[1],
    &last_row::VARIANTS[0],
    &linear_cooperative::VARIANTS[0], &linear_cooperative::VARIANTS[1], &linear_cooperative::VARIANTS[2], &linear_cooperative::VARIANTS[3], &linear_cooperative::VARIANTS[4], &linear_cooperative::VARIANTS[5],
    &linear_few::VARIANTS[0], &linear_few::VARIANTS[1], &linear_few::VARIANTS[2], &linear_few::VARIANTS[3], &linear_few::VARIANTS[4], &linear_few::VARIANTS[5], &linear_few::VARIANTS[6], &linear_few::VARIANTS[7], &linear_few::VARIANTS[8], &linear_few::VARIANTS[9],
    &linear_input_backward_cooperative::VARIANTS[0], &linear_input_backward_cooperative::VARIANTS[1], &linear_input_backward_cooperative::VARIANTS[2], &linear_input_backward_cooperative::VARIANTS[3], &linear_input_backward_cooperative::VARIANTS[4], &linear_input_backward_cooperative::VARIANTS[5],
    &linear_input_backward_tiled::VARIANTS[0], &linear_input_backward_tiled::VARIANTS[1], &linear_input_backward_tiled::VARIANTS[2], &linear_input_backward_tiled::VARIANTS[3], &linear_input_backward_tiled::VARIANTS[4], &linear_input_backward_tiled::VARIANTS[5], &linear_input_backward_tiled::VARIANTS[6], &linear_input_backward_tiled::VARIANTS[7], &linear_input_backward_tiled::VARIANTS[8], &linear_input_backward_tiled::VARIANTS[9], &linear_input_backward_tiled::VARIANTS[10], &linear_input_backward_tiled::VARIANTS[11], &linear_input_backward_tiled::VARIANTS[12], &linear_input_backward_tiled::VARIANTS[13], &linear_input_backward_tiled::VARIANTS[14], &linear_input_backward_tiled::VARIANTS[15], &linear_input_backward_tiled::VARIANTS[16], &linear_input_backward_tiled::VARIANTS[17], &linear_input_backward_tiled::VARIANTS[18], &linear_input_backward_tiled::VARIANTS[19],
    &linear_tiled::VARIANTS[0], &linear_tiled::VARIANTS[1], &linear_tiled::VARIANTS[2], &linear_tiled::VARIANTS[3], &linear_tiled::VARIANTS[4], &linear_tiled::VARIANTS[5], &linear_tiled::VARIANTS[6],
    &linear_weight_backward_cooperative::VARIANTS[0], &linear_weight_backward_cooperative::VARIANTS[1], &linear_weight_backward_cooperative::VARIANTS[2], &linear_weight_backward_cooperative::VARIANTS[3],
    &linear_weight_backward_tiled::VARIANTS[0], &linear_weight_backward_tiled::VARIANTS[1], &linear_weight_backward_tiled::VARIANTS[2], &linear_weight_backward_tiled::VARIANTS[3], &linear_weight_backward_tiled::VARIANTS[4], &linear_weight_backward_tiled::VARIANTS[5], &linear_weight_backward_tiled::VARIANTS[6], &linear_weight_backward_tiled::VARIANTS[7], &linear_weight_backward_tiled::VARIANTS[8], &linear_weight_backward_tiled::VARIANTS[9], &linear_weight_backward_tiled::VARIANTS[10], &linear_weight_backward_tiled::VARIANTS[11], &linear_weight_backward_tiled::VARIANTS[12], &linear_weight_backward_tiled::VARIANTS[13],
    &muon_momentum::VARIANTS[0],
    &muon_normalise::VARIANTS[0],
    &muon_update::VARIANTS[0],
    &noise::VARIANTS[0],
    &norm::VARIANTS[0], &norm::VARIANTS[1], &norm::VARIANTS[2], &norm::VARIANTS[3], &norm::VARIANTS[4], &norm::VARIANTS[5],
    &norm_backward::VARIANTS[0], &norm_backward::VARIANTS[1], &norm_backward::VARIANTS[2], &norm_backward::VARIANTS[3], &norm_backward::VARIANTS[4], &norm_backward::VARIANTS[5],
    &optimizer::VARIANTS[0], &optimizer::VARIANTS[1], &optimizer::VARIANTS[2],
    &peak_flops::VARIANTS[0],
    &policy::VARIANTS[0],
    &preference::VARIANTS[0],
    &rope::VARIANTS[0], &rope::VARIANTS[1], &rope::VARIANTS[2],
    &route::VARIANTS[0],
    &route_backward::VARIANTS[0],
    &router_loss::VARIANTS[0], &router_loss::VARIANTS[1],
    &row_norm::VARIANTS[0],
    &sample::VARIANTS[0],
    &scale::VARIANTS[0],
    &score::VARIANTS[0],
    &softcap::VARIANTS[0], &softcap::VARIANTS[1],
    &squared_error::VARIANTS[0], &squared_error::VARIANTS[1],
    &sum_rows::VARIANTS[0], &sum_rows::VARIANTS[1], &sum_rows::VARIANTS[2], &sum_rows::VARIANTS[3], &sum_rows::VARIANTS[4], &sum_rows::VARIANTS[5], &sum_rows::VARIANTS[6], &sum_rows::VARIANTS[7], &sum_rows::VARIANTS[8], &sum_rows::VARIANTS[9], &sum_rows::VARIANTS[10],
    &top_k::VARIANTS[0],
    &unlikelihood::VARIANTS[0],
    &unlikelihood_backward::VARIANTS[0],
    &unpack::VARIANTS[0], &unpack::VARIANTS[1], &unpack::VARIANTS[2],
    &weigh_experts::VARIANTS[0],
    &weigh_experts_backward::VARIANTS[0],
];

/// Changes with the source of any variant: what was measured of other kernels says nothing of these.
pub const VERSION: &str = "b16d4a36f6eda3fe";

/// Structures in storage buffers, by name.
pub static STRUCTURES: &[Structure] = &[
    Structure { name: "Control", size: 24, fields: &[("row", 0), ("skipped", 4), ("gradient_scale", 8), ("gradient_norm", 12), ("loss_scale", 16), ("good_steps", 20)] },
    Structure { name: "Cursor", size: 12, fields: &[("start", 0), ("length", 4), ("text", 8)] },
    Structure { name: "DecodeState", size: 16, fields: &[("length", 0), ("drawn", 4), ("read", 8), ("dropped", 12)] },
    Structure { name: "ReportRow", size: 44, fields: &[("loss", 0), ("count", 4), ("gradient_norm", 8), ("skipped", 12), ("chosen_reward", 16), ("rejected_reward", 20), ("accuracy", 24), ("log_ratio", 28), ("ties", 32), ("chosen", 36), ("rejected", 40)] },
    Structure { name: "SampleSettings", size: 64, fields: &[("masked", 0), ("masked_high", 16), ("temperature", 32), ("top_p", 36), ("min_p", 40), ("repetition_penalty", 44), ("top_k", 48), ("text", 52), ("masked_draws", 56), ("masked_tokens", 60)] },
    Structure { name: "ScheduleRow", size: 32, fields: &[("learning_rate", 0), ("first_correction", 4), ("second_correction", 8), ("counted", 12), ("seed", 16), ("reserved", 24)] },
];
