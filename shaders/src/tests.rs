//! Tests of every shipped kernel variant: core WGSL within WebGPU's default limits, expressible in every native shading
//! language, with correct descriptors.

use crate::{Access, KERNELS, Kernel, generate, linear_tiled, optimizer};
use naga::back::{hlsl, msl};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use std::collections::HashSet;

fn validated(kernel: &Kernel) -> (naga::Module, ModuleInfo) {
    let module = naga::front::wgsl::parse_str(&kernel.source()).unwrap();
    let mut capabilities = Capabilities::empty();
    capabilities.set(Capabilities::SHADER_FLOAT16, kernel.needs_half());
    capabilities.set(Capabilities::SUBGROUP, kernel.needs_subgroups());
    capabilities.set(Capabilities::COOPERATIVE_MATRIX, kernel.needs_cooperative());
    let info = Validator::new(ValidationFlags::all(), capabilities).validate(&module).unwrap();
    (module, info)
}

#[test]
fn what_is_generated_is_of_these_kernels() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, text) in generate::files(root).unwrap() {
        // Git may convert line endings.
        let kept = std::fs::read_to_string(root.join("generated").join(name)).unwrap().replace('\r', "");
        assert!(kept == text, "run: cargo run --release -p glasshouse-shaders --example generate");
    }
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

/// Compiled by DXC, as wgpu does on Windows.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn slow_every_variant_compiles_for_direct3d() {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let options = hlsl::Options { shader_model: hlsl::ShaderModel::V6_2, ..hlsl::Options::default() };
    let shaders: Vec<String> = KERNELS
        .iter()
        .filter(|kernel| !kernel.needs_cooperative())
        .map(|kernel| {
            let (module, info) = validated(kernel);
            let (mut source, pipeline) = (String::new(), hlsl::PipelineOptions::default());
            let mut writer = hlsl::Writer::new(&mut source, &options, &pipeline);
            let entry = writer.write(&module, &info, None).unwrap().entry_point_names.remove(0).unwrap();
            serde_json::json!({ "name": kernel.name, "entry": entry, "source": source }).to_string()
        })
        .collect();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/python/direct3d.py");
    let python = std::env::var_os("GLASSHOUSE_PYTHON").unwrap_or_else(|| "python3".into());
    let mut compiler =
        Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    compiler.stdin.take().unwrap().write_all(shaders.join("\n").as_bytes()).unwrap();
    let output = compiler.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("compiled {}\n", shaders.len()));
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
            kernel.source().matches("enable ").count(),
            usize::from(kernel.needs_half()) + usize::from(kernel.needs_cooperative()),
            "{}",
            kernel.name
        );
        for word in ["override ", "@if"] {
            assert!(!kernel.source().contains(word), "{} holds {word:?}", kernel.name);
        }
        assert_eq!(kernel.needs_subgroups(), kernel.source().contains("subgroup"), "{}", kernel.name);
    }
}

/// The generated selectors index variants as the build does.
#[test]
fn selectors_find_their_variant() {
    use linear_tiled::{Operands, Size};
    let find =
        |operands, half_out| linear_tiled::kernel(Size::Small, operands, half_out).map(|kernel| kernel.name);
    assert_eq!(find(Operands::Scalar, false), Some("linear_tiled:small,scalar"));
    // f16 outputs need f16 inputs.
    assert_eq!(find(Operands::Half, true), Some("linear_tiled:small,half,half_out"));
    assert_eq!(find(Operands::Vec4, true), None);
    assert_eq!(optimizer::kernel(optimizer::Rule::Rmsprop).name, "optimizer:rmsprop");
}
