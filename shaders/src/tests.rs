//! Every kernel variant as it is shipped: core WGSL within WebGPU's default limits, which every native shading language can
//! express, described truly.

use crate::{Access, KERNELS, Kernel, linear, optimizer};
use naga::back::{hlsl, msl};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use std::collections::HashSet;

fn validated(kernel: &Kernel) -> (naga::Module, ModuleInfo) {
    let module = naga::front::wgsl::parse_str(kernel.source).unwrap();
    let mut capabilities = Capabilities::empty();
    capabilities.set(Capabilities::SHADER_FLOAT16, kernel.needs_half());
    capabilities.set(Capabilities::SUBGROUP, kernel.needs_subgroups());
    capabilities.set(Capabilities::COOPERATIVE_MATRIX, kernel.needs_cooperative());
    let info = Validator::new(ValidationFlags::all(), capabilities).validate(&module).unwrap();
    (module, info)
}

#[test]
fn names_are_sorted_by_file_and_unique() {
    let files: Vec<&str> =
        KERNELS.iter().map(|kernel| kernel.name.split(':').next().unwrap_or_default()).collect();
    assert!(files.is_sorted());
    let names: HashSet<&str> = KERNELS.iter().map(|kernel| kernel.name).collect();
    assert_eq!(names.len(), KERNELS.len());
}

#[test]
fn every_variant_can_be_written_for_metal_and_direct3d() {
    for kernel in KERNELS.iter().filter(|kernel| !kernel.needs_cooperative()) {
        let (module, info) = validated(kernel);
        let (metal, _) =
            msl::write_string(&module, &info, &msl::Options::default(), &msl::PipelineOptions::default())
                .unwrap();
        assert!(metal.contains("kernel void"), "{}", kernel.name);
        let mut direct = String::new();
        hlsl::Writer::new(&mut direct, &hlsl::Options::default(), &hlsl::PipelineOptions::default())
            .write(&module, &info, None)
            .unwrap();
        let [x, y, z] = kernel.workgroup_size;
        assert!(direct.contains(&format!("numthreads({x}, {y}, {z})")), "{}", kernel.name);
    }
}

#[test]
fn every_variant_keeps_to_the_default_limits() {
    for kernel in KERNELS {
        let uniform = |access| access == Access::Uniform;
        assert!(kernel.bindings.len() <= 9, "{}", kernel.name);
        for (at, binding) in kernel.bindings.iter().enumerate() {
            assert_eq!(binding.binding as usize, at, "{}", kernel.name);
            assert_eq!(uniform(binding.access), at == 0, "{}", kernel.name);
        }
        assert_eq!(kernel.bindings[0].stride % 16, 0, "{}", kernel.name);
        assert!(kernel.workgroup_memory <= 16_384, "{}", kernel.name);
        assert!(kernel.workgroup_size.iter().product::<u32>() <= 256, "{}", kernel.name);
        assert_eq!(kernel.needs_half(), kernel.name.contains("half"), "{}", kernel.name);
        assert_eq!(
            kernel.source.matches("enable ").count(),
            usize::from(kernel.needs_half()) + usize::from(kernel.needs_cooperative()),
            "{}",
            kernel.name
        );
        for word in ["override ", "@if"] {
            assert!(!kernel.source.contains(word), "{} holds {word:?}", kernel.name);
        }
        assert_eq!(kernel.needs_subgroups(), kernel.source.contains("subgroup"), "{}", kernel.name);
    }
}

/// The generated selectors count variants as the build does.
#[test]
fn selectors_find_their_variant() {
    use linear::{Epilogue, Function, Operands, Tier};
    let name = |tier, operands, bias, epilogue, function| {
        linear::kernel(tier, operands, false, bias, epilogue, function).map(|kernel| kernel.name)
    };
    let plain = name(Tier::Software, Operands::Scalar, false, Epilogue::Plain, Function::None);
    assert_eq!(plain, Some("linear:software,scalar"));
    let full = name(Tier::Workgroup, Operands::Half, true, Epilogue::Residual, Function::None);
    assert_eq!(full, Some("linear:workgroup,half,bias,residual"));
    let gated = name(Tier::Wide, Operands::Vec4, true, Epilogue::Gate, Function::Silu);
    assert_eq!(gated, Some("linear:wide,vec4,bias,gate,silu"));
    // What it lacks: vectors of four, a function, a function that gates have.
    for (operands, function) in [
        (Operands::Scalar, Function::Silu),
        (Operands::Vec4, Function::None),
        (Operands::Vec4, Function::Relu),
    ] {
        assert_eq!(name(Tier::Wide, operands, true, Epilogue::Gate, function), None);
    }
    // Halves come out of halves, and no sum with what is stored in 32 bits.
    let halves = |operands, epilogue| {
        linear::kernel(Tier::Workgroup, operands, true, false, epilogue, Function::None).is_some()
    };
    assert!(halves(Operands::Half, Epilogue::Plain));
    assert!(!halves(Operands::Vec4, Epilogue::Plain) && !halves(Operands::Half, Epilogue::Residual));
    assert_eq!(optimizer::kernel(optimizer::Rule::Rmsprop).name, "optimizer:rmsprop");
}
