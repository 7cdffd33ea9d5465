//! What holds whichever kernels run.

use super::{DeviceChoice, Gpu, devices, test_gpu};
use crate::Error;

#[test]
fn lists_the_software_adapter_as_one() {
    let found = pollster::block_on(devices());
    let software = found.iter().find(|report| report.name.contains("llvmpipe"));
    assert!(software.is_some_and(|report| report.software && report.kind == "software"), "{found:?}");
}

#[test]
fn an_unknown_name_is_refused_with_the_names_there_are() {
    let refused = pollster::block_on(Gpu::open(&DeviceChoice::Named("Voodoo 2".to_owned())));
    match refused {
        Err(Error::Device(text)) => {
            assert!(text.contains("\"Voodoo 2\"") && text.contains("llvmpipe"), "{text}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_real_gpu_is_never_a_software_adapter() {
    let real = pollster::block_on(Gpu::open_real());
    assert!(matches!(real, Ok(None)) || real.is_ok_and(|gpu| gpu.is_some_and(|gpu| !gpu.report().software)));
}

#[test]
fn a_lost_device_is_an_error() {
    let gpu = test_gpu();
    assert!(gpu.check().is_ok());
    gpu.device.destroy();
    for _ in 0..2 {
        let usage = wgpu::BufferUsages::COPY_SRC;
        let after = pollster::block_on(async {
            let buffer = gpu.buffer("test", 64, usage).await?;
            gpu.read(&buffer, 0, 64).await
        });
        assert!(matches!(after, Err(Error::Device(_))), "{after:?}");
    }
}
