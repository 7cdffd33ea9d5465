//! Workgroup memory that is filled before a kernel begins, for tests. Devices leave it as the last kernel left it: clearing it costs time,
//! and races with the first writes on some drivers (gfx-rs/wgpu#4591). So every kernel must write what it reads.

use glasshouse_shaders::Kernel;

/// A kernel's source whose workgroup variables begin with a number that no result can contain by chance. `None` if its variables or its
/// entry point are not of the expected form.
pub(super) fn source(kernel: &Kernel) -> Option<String> {
    let source = kernel.source();
    let variables = source.lines().filter_map(|line| line.trim().strip_prefix("var<workgroup> "));
    let fills = variables.map(fill).collect::<Option<Vec<String>>>()?;
    if fills.is_empty() {
        return Some(source);
    }
    let begin = source.find(&format!("fn {}(", kernel.entry_point))?;
    let body = begin + source.get(begin..)?.find('{')? + 1;
    let (_, index) = source.get(begin..body)?.split_once("@builtin(local_invocation_index) ")?;
    let (local, _) = index.split_once(':')?;
    let size: u32 = kernel.workgroup_size.iter().product();
    let fills = fills.concat().replace("LOCAL", local).replace("SIZE_OF_GROUP", &format!("{size}u"));
    let (before, after) = source.split_at_checked(body)?;
    Some(format!("{before}\n{fills}    workgroupBarrier();{after}"))
}

/// Statements that fill a variable, from its declaration.
fn fill(declaration: &str) -> Option<String> {
    let (name, ty) = declaration.strip_suffix(';')?.split_once(": ")?;
    let Some(array) = ty.strip_prefix("array<") else {
        return Some(format!("    if LOCAL == 0u {{ {name} = {ty}(1000); }}\n"));
    };
    let (element, count) = array.strip_suffix('>')?.rsplit_once(", ")?;
    let statement = if let Some(row) = element.strip_prefix("array<") {
        let (element, count) = row.strip_suffix('>')?.rsplit_once(", ")?;
        let entry = format!("{name}[filled][entry] = {element}(1000);");
        format!("for (var entry = 0u; entry < u32({count}); entry++) {{ {entry} }}")
    } else if element.starts_with("atomic<") {
        format!("atomicStore(&{name}[filled], 1000u);")
    } else {
        format!("{name}[filled] = {element}(1000);")
    };
    Some(format!(
        "    for (var filled = LOCAL; filled < u32({count}); filled += SIZE_OF_GROUP) {{ {statement} }}\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::test_gpu;
    use glasshouse_shaders::KERNELS;

    #[test]
    fn every_kernel_with_workgroup_memory_is_poisoned() {
        for kernel in KERNELS {
            let poisoned = source(kernel).unwrap_or_else(|| panic!("{}", kernel.name));
            let plain = kernel.source();
            assert_eq!(plain.contains("var<workgroup>"), poisoned != plain, "{}", kernel.name);
        }
    }

    /// A kernel that reads before it writes: its result shows the fill, so that the tests with poisoned memory can fail.
    static READS_FIRST: Kernel = Kernel {
        name: "reads_first",
        entry_point: "reads_first",
        pieces: &["var<workgroup> sums: array<f32, 64>;\n\
                   @group(0) @binding(0) var<storage, read_write> y: array<f32>;\n\
                   @compute @workgroup_size(64)\n\
                   fn reads_first(@builtin(local_invocation_index) local: u32) {\n    y[local] = sums[63u - local];\n}\n"],
        workgroup_size: [64, 1, 1],
        bindings: &[],
        workgroup_memory: 256,
        reads_z: false,
    };

    #[test]
    fn memory_that_is_read_before_it_is_written_is_seen() {
        let gpu = test_gpu();
        let module = gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: None,
            source: wgpu::ShaderSource::Wgsl(source(&READS_FIRST).unwrap().into()),
        });
        let pipeline = gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: None,
            module: &module,
            entry_point: None,
            compilation_options: Default::default(),
            cache: None,
        });
        let read = glasshouse_platform::block_on(async {
            let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
            let buffer = gpu.buffer("test", 256, usage).await?;
            let bind_group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &pipeline.get_bind_group_layout(0),
                entries: &[wgpu::BindGroupEntry { binding: 0, resource: buffer.as_entire_binding() }],
            });
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            {
                let mut pass = encoder.begin_compute_pass(&Default::default());
                pass.set_pipeline(&pipeline);
                pass.set_bind_group(0, &bind_group, &[]);
                pass.dispatch_workgroups(1, 1, 1);
            }
            gpu.queue.submit([encoder.finish()]);
            gpu.read(&buffer, 0, 256).await
        });
        let read: Vec<f32> = bytemuck::pod_collect_to_vec(&read.unwrap());
        assert_eq!(read, [1000.0; 64]);
    }
}
