//! Mixture of experts. The products are those of linear layers over all experts: a token's gates of 0 remove the others' values.

use super::matmul::{input_backward, linear_launches, weight_backward};
use super::{BindingSource, Launch, Lower, Lowering, NodeContext, Operand, grid, within_longest_loop, words};
use crate::Result;
use crate::graph::Type;
use crate::graph::ops::*;
use glasshouse_shaders::{
    expert_load, route, route_backward, router_loss, weigh_experts, weigh_experts_backward,
};

impl Lower for Route {
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (X { x }, Y { y }) = (operands.inputs, operands.outputs);
        // Each expert is compared with all.
        within_longest_loop(site, x.columns() * x.columns(), "lower model.experts.count")?;
        let [rows, experts, per_token] = words([x.rows(), x.columns(), self.per_token]);
        let renormalise = u32::from(self.renormalise);
        let arguments = route::Arguments { rows, experts, per_token, renormalise };
        let bindings = [x, y].map(Operand::place).to_vec();
        Launch::each(route::kernel(), arguments.bytes(), bindings, x.rows()).map(Lowering::one)
    }
}

impl Lower for RouteBackward {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (RouteBackwardInputs { x, y, dy }, Dx { dx }) = (operands.inputs, operands.outputs);
        let [rows, experts] = words([x.rows(), x.columns()]);
        let renormalise = u32::from(self.renormalise);
        let arguments = route_backward::Arguments { rows, experts, renormalise }.bytes();
        let bindings = [x, y, dy, dx].map(Operand::place).to_vec();
        Launch::each(route_backward::kernel(), arguments, bindings, x.rows()).map(Lowering::one)
    }
}

impl Lower for RouterLoss {
    /// The load, then the losses of the rows.
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let RouterLossInputs { x, gates, shares } = operands.inputs;
        let RouterLossOutputs { rows, load } = operands.outputs;
        let arguments = expert_load::Arguments { rows: x.rows() as u32, experts: x.columns() as u32 };
        let bindings = vec![gates.place(), BindingSource::CONTROL, shares.place(), load.place()];
        let groups = grid(x.columns())?;
        let count = Launch::new(expert_load::kernel(), arguments.bytes(), bindings, groups)?;
        Ok(Lowering::new(vec![count, of_router(*self, 1.0, [x, load, shares, rows], false)?]))
    }
}

impl Lower for RouterLossBackward {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (RouterLossBackwardInputs { x, load, shares }, Dx { dx }) = (operands.inputs, operands.outputs);
        Ok(Lowering::one(of_router(self.forward, self.scale, [x, load, shares, dx], true)?))
    }
}

/// A router's losses or their gradient, over logits, load, shares and the result.
fn of_router(
    op: RouterLoss,
    factor: f32,
    [x, load, shares, result]: [Operand<'_>; 4],
    backward: bool,
) -> Result<Launch> {
    let (rows, experts) = (x.rows() as u32, x.columns() as u32);
    let arguments = router_loss::Arguments { rows, experts, balance: op.balance, z: op.z, factor };
    let bindings = vec![x.place(), load.place(), BindingSource::CONTROL, shares.place(), result.place()];
    Launch::each(router_loss::kernel(backward), arguments.bytes(), bindings, x.rows())
}

impl Lower for WeighExperts {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (WeighExpertsInputs { h, gates }, Y { y }) = (operands.inputs, operands.outputs);
        let arguments = weigh_experts::Arguments { count: h.ty.count() as u32, hidden: h.columns() as u32 };
        let bindings = [h, gates, y].map(Operand::place).to_vec();
        Launch::each(weigh_experts::kernel(), arguments.bytes(), bindings, h.ty.count()).map(Lowering::one)
    }
}

impl Lower for WeighExpertsBackward {
    fn lower(&self, _: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        use weigh_experts_backward::{Arguments, kernel};
        let WeighExpertsBackwardInputs { h, gates, dy } = operands.inputs;
        let WeighExpertsBackwardOutputs { dh, dgates } = operands.outputs;
        let arguments = Arguments { rows: h.rows() as u32, hidden: h.columns() as u32 };
        let bindings = [h, gates, dy, dh, dgates].map(Operand::place).to_vec();
        Launch::new(kernel(), arguments.bytes(), bindings, grid(h.rows())?).map(Lowering::one)
    }
}

impl Lower for ExpertLinear {
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (ExpertLinearInputs { x, weight, .. }, Y { y }) = (operands.inputs, operands.outputs);
        let sizes = [x.rows(), x.columns(), weight.rows()];
        let launches = linear_launches(site, sizes, weight, [x.place(), y.place()], [false; 2], [None; 2])?;
        Ok(Lowering::new(launches))
    }
}

impl Lower for ExpertLinearInputBackward {
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let (ExpertLinearInputBackwardInputs { dy, weight, gates }, Dx { dx }) =
            (operands.inputs, operands.outputs);
        let sizes = [gates.rows(), weight.rows(), weight.columns()];
        input_backward(site, sizes, weight, [dy.place(), dx.place()], [false; 2], None)
    }
}

impl Lower for ExpertLinearWeightBackward {
    fn lower(&self, site: NodeContext<'_>, operands: Named<Self, Operand<'_>>) -> Result<Lowering> {
        let ExpertLinearWeightBackwardInputs { dy, gates, x } = operands.inputs;
        let ty = Type::f32(&[gates.rows(), dy.ty.count() / gates.rows()]);
        weight_backward(site, Operand { ty: &ty, ..dy }, x, operands.gradients.weight)
    }
}
