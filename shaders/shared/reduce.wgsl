// Sums and maxima over a workgroup in a fixed tree, so that the result depends on nothing but the inputs. `size` is the
// number of invocations, a power of two up to 256. All invocations must arrive and all get the result.

var<workgroup> lanes: array<f32, 256>;

fn sum_of_group(value: f32, local: u32, size: u32) -> f32 {
    lanes[local] = value;
    workgroupBarrier();
    for (var half = size / 2u; half > 0u; half /= 2u) {
        if local < half {
            lanes[local] += lanes[local + half];
        }
        workgroupBarrier();
    }
    let sum = lanes[0];
    workgroupBarrier();
    return sum;
}

fn max_of_group(value: f32, local: u32, size: u32) -> f32 {
    lanes[local] = value;
    workgroupBarrier();
    for (var half = size / 2u; half > 0u; half /= 2u) {
        if local < half {
            lanes[local] = max(lanes[local], lanes[local + half]);
        }
        workgroupBarrier();
    }
    let largest = lanes[0];
    workgroupBarrier();
    return largest;
}
