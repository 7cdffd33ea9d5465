//! Devices and precisions of the oracle.

use super::wgpu;
use crate::device::DeviceKind;
use burn::tensor::{DType, Int, Tensor, TensorData};
use glasshouse_platform::Result;

/// A burn device and its float type.
#[derive(Clone, Debug)]
pub struct Device {
    burn: burn::tensor::Device,
    float: DType,
    kind: DeviceKind,
}

impl Device {
    /// The CPU, in f32.
    pub fn flex() -> Self {
        Self::on_flex(DType::F32)
    }

    /// The CPU, in f64: an oracle with negligible rounding errors.
    pub fn flex_in_f64() -> Self {
        Self::on_flex(DType::F64)
    }

    fn on_flex(float: DType) -> Self {
        Self { burn: burn::tensor::Device::flex().autodiff(), float, kind: DeviceKind::BurnFlex }
    }

    /// burn-wgpu's default adapter (the variable `CUBECL_WGPU_DEFAULT_DEVICE` selects another), in f32. Fails if this build lacks the
    /// feature `burn-wgpu`, or there is no adapter.
    pub fn burn_wgpu() -> Result<Self> {
        Ok(Self { burn: wgpu::device()?.autodiff(), float: DType::F32, kind: DeviceKind::BurnWgpu })
    }

    /// The device that a request names; `None` if it is not one of burn's.
    pub fn named(request: &str) -> Result<Option<Self>> {
        match request {
            "burn-wgpu" => Self::burn_wgpu().map(Some),
            "burn-flex" => Ok(Some(Self::flex())),
            _ => Ok(None),
        }
    }

    pub fn without_autodiff(&self) -> Self {
        Self { burn: self.burn.clone().without_autodiff(), ..self.clone() }
    }

    pub fn kind(&self) -> DeviceKind {
        self.kind
    }

    pub(super) fn burn(&self) -> &burn::tensor::Device {
        &self.burn
    }

    /// Creates a float tensor in the device's precision.
    pub(super) fn tensor<const D: usize>(&self, data: TensorData) -> Tensor<D> {
        Tensor::from_data(data, (&self.burn, self.float))
    }

    /// Creates an index tensor. Ids are below 2³¹: the graph's shape rule limits the size of tables.
    pub(super) fn indices(&self, ids: &[u32]) -> Tensor<1, Int> {
        let ids: Vec<i32> = ids.iter().map(|id| *id as i32).collect();
        let count = ids.len();
        Tensor::from_data(TensorData::new(ids, [count]), &self.burn)
    }
}
