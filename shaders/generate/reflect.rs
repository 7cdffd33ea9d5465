//! Validation with naga and reflection of a composed kernel.

use super::Outcome;
use naga::back::{hlsl, msl, spv};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{
    AddressSpace, BuiltIn, EntryPoint, Expression, FunctionArgument, Module, ShaderStage, StorageAccess,
    TypeInner,
};

/// Default WebGPU limits.
const MAX_STORAGE_BUFFERS: usize = 8;
const MAX_WORKGROUP_BYTES: u32 = 16384;
const MAX_INVOCATIONS: u32 = 256;

/// Layout of a variant, for its Rust descriptor.
#[derive(Debug)]
pub struct Layout {
    pub entry_point: String,
    pub workgroup_size: [u32; 3],
    pub workgroup_memory: u32,
    /// Whether the entry point reads the workgroup's z.
    pub reads_z: bool,
    pub bindings: Vec<Binding>,
    pub arguments: Structure,
    /// Structs in buffers, other than the arguments.
    pub structures: Vec<Structure>,
}

#[derive(Debug)]
pub struct Binding {
    pub name: String,
    pub binding: u32,
    pub access: &'static str,
    pub stride: u32,
}

/// A struct in a buffer.
#[derive(Clone, Debug, PartialEq)]
pub struct Structure {
    pub name: String,
    pub size: u32,
    pub fields: Vec<Field>,
}

/// A field of a struct: a scalar or a vector of 2 or 4.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub name: String,
    pub offset: u32,
    pub scalar: &'static str,
    pub count: u32,
}

/// Parses and validates a kernel, translates it to every native shading language, and reflects it.
pub fn checked(source: &str) -> Outcome<Layout> {
    let module = naga::front::wgsl::parse_str(source)
        .map_err(|error| format!("{}\n{}", error.emit_to_string(source), source))?;
    // Only core capabilities, so that every device supports the variant. Variants with 16-bit floats or subgroups are named
    // accordingly.
    let mut capabilities = Capabilities::empty();
    capabilities.set(Capabilities::SHADER_FLOAT16, source.starts_with("enable f16;"));
    capabilities.set(Capabilities::SUBGROUP, source.contains("subgroup"));
    capabilities.set(Capabilities::COOPERATIVE_MATRIX, source.contains("coop_mat"));
    let mut validator = Validator::new(ValidationFlags::all(), capabilities);
    let info = validator
        .validate(&module)
        .map_err(|error| format!("{}\n{}", error.emit_to_string(source), source))?;
    let layout = layout(&module)?;
    written(source, &module, &info, &layout.entry_point)?;
    Ok(layout)
}

/// Checks that SPIR-V (Vulkan), MSL (Metal) and HLSL (Direct3D 12) can be written. HLSL has no cooperative matrices, Metal none
/// of 16 × 16.
fn written(source: &str, module: &Module, info: &ModuleInfo, entry_point: &str) -> Outcome<()> {
    let options =
        spv::PipelineOptions { shader_stage: ShaderStage::Compute, entry_point: entry_point.to_owned() };
    spv::write_vec(module, info, &spv::Options::default(), Some(&options))
        .map_err(|error| format!("cannot write SPIR-V: {error}"))?;
    let cooperative = |side: &str| source.contains(&format!("coop_mat{side}"));
    if !cooperative("16x16") {
        let options = msl::Options { lang_version: (2, 3), ..msl::Options::default() };
        msl::write_string(module, info, &options, &msl::PipelineOptions::default())
            .map_err(|error| format!("cannot write MSL: {error}"))?;
    }
    if cooperative("") {
        return Ok(());
    }
    let mut text = String::new();
    hlsl::Writer::new(&mut text, &hlsl::Options::default(), &hlsl::PipelineOptions::default())
        .write(module, info, None)
        .map_err(|error| format!("cannot write HLSL: {error}"))?;
    Ok(())
}

fn layout(module: &Module) -> Outcome<Layout> {
    let [entry] = module.entry_points.as_slice() else {
        return Err(format!("{} entry points; expected one", module.entry_points.len()));
    };
    if entry.stage != ShaderStage::Compute || entry.workgroup_size_overrides.is_some() {
        return Err("the entry point must be @compute with a literal @workgroup_size".to_owned());
    }
    if entry.workgroup_size.iter().product::<u32>() > MAX_INVOCATIONS {
        return Err(format!(
            "a workgroup of {:?} has more than {MAX_INVOCATIONS} invocations",
            entry.workgroup_size
        ));
    }
    let mut sizes = naga::proc::Layouter::default();
    sizes.update(module.to_ctx()).map_err(|error| error.to_string())?;
    let (mut bindings, mut structures) = (Vec::new(), Vec::new());
    let (mut arguments, mut workgroup_memory) = (None, 0);
    for (_, variable) in module.global_variables.iter() {
        let name = variable.name.clone().unwrap_or_default();
        let access = match variable.space {
            AddressSpace::WorkGroup => {
                workgroup_memory += sizes[variable.ty].size.next_multiple_of(16);
                continue;
            }
            AddressSpace::Uniform => "Uniform",
            AddressSpace::Storage { access } if access == StorageAccess::LOAD => "Read",
            AddressSpace::Storage { .. } => "ReadWrite",
            _ => continue,
        };
        let place = variable.binding.as_ref().ok_or_else(|| format!("{name} has no binding"))?;
        if place.group != 0 || (access == "Uniform") != (place.binding == 0) {
            return Err(format!("{name}: group 0 holds the uniform at binding 0 and storage from 1 on"));
        }
        let inner = &module.types[variable.ty].inner;
        let stride = match inner {
            TypeInner::Array { stride, base, .. } => {
                structures.extend(structure(module, *base)?);
                *stride
            }
            _ => {
                structures.extend(structure(module, variable.ty)?);
                sizes[variable.ty].size
            }
        };
        if access == "Uniform" {
            arguments = structures.pop();
        }
        let stride = if access == "Uniform" { stride.next_multiple_of(16) } else { stride };
        bindings.push(Binding { name, binding: place.binding, access, stride });
    }
    bindings.sort_by_key(|binding| binding.binding);
    if bindings.iter().enumerate().any(|(at, binding)| binding.binding as usize != at) {
        return Err(format!("bindings have gaps, or one is unused: {bindings:?}"));
    }
    if bindings.len() > MAX_STORAGE_BUFFERS + 1 {
        return Err(format!(
            "{} storage buffers; at most {MAX_STORAGE_BUFFERS} are allowed",
            bindings.len() - 1
        ));
    }
    if workgroup_memory > MAX_WORKGROUP_BYTES {
        return Err(format!(
            "{workgroup_memory} bytes of workgroup memory; at most {MAX_WORKGROUP_BYTES} are allowed"
        ));
    }
    let arguments = arguments.filter(|structure| structure.name == "Arguments");
    Ok(Layout {
        entry_point: entry.name.clone(),
        workgroup_size: entry.workgroup_size,
        workgroup_memory,
        reads_z: reads_z(entry),
        bindings,
        arguments: arguments.ok_or("binding 0 must be `var<uniform> arguments: Arguments`")?,
        structures,
    })
}

fn reads_z(entry: &EntryPoint) -> bool {
    let is_group = |argument: &FunctionArgument| {
        matches!(argument.binding, Some(naga::Binding::BuiltIn(BuiltIn::WorkGroupId)))
    };
    let group = entry.function.arguments.iter().position(is_group).map(|at| at as u32);
    let expressions = &entry.function.expressions;
    expressions.iter().any(|(_, expression)| match expression {
        Expression::AccessIndex { base, index: 2 } => {
            matches!(expressions[*base], Expression::FunctionArgument(at) if Some(at) == group)
        }
        _ => false,
    })
}

/// The layout of a struct; `None` for other types.
fn structure(module: &Module, ty: naga::Handle<naga::Type>) -> Outcome<Option<Structure>> {
    let ty = &module.types[ty];
    let TypeInner::Struct { members, span } = &ty.inner else { return Ok(None) };
    let name = ty.name.clone().unwrap_or_default();
    let mut fields = Vec::new();
    let mut end = 0;
    for member in members {
        let field = member.name.clone().unwrap_or_default();
        let (scalar, count) = match module.types[member.ty].inner {
            TypeInner::Scalar(scalar) => (scalar, 1),
            TypeInner::Vector { size, scalar } if size != naga::VectorSize::Tri => (scalar, size as u32),
            _ => return Err(format!("{name}.{field} must be a scalar or a vector of 2 or 4")),
        };
        let scalar = match scalar {
            naga::Scalar::F32 => "f32",
            naga::Scalar::I32 => "i32",
            naga::Scalar::U32 => "u32",
            _ => return Err(format!("{name}.{field} must be f32, i32 or u32")),
        };
        if member.offset != end {
            return Err(format!("{name}.{field} leaves a gap before it: order or pad the fields"));
        }
        end = member.offset + 4 * count;
        fields.push(Field { name: field, offset: member.offset, scalar, count });
    }
    if end != *span {
        return Err(format!("{name} ends with a gap of {} bytes: pad it", span - end));
    }
    Ok(Some(Structure { name, size: *span, fields }))
}
