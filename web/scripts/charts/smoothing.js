// Exponential moving average, corrected for its start (as TensorBoard's): weight in [0, 1), 0 changes nothing. Gaps stay.
export function smooth(values, weight) {
  if (!weight) return values;
  let mean = 0;
  let count = 0;
  return Array.from(values, (value) => {
    if (value === null || value === undefined || !Number.isFinite(value)) return value ?? null;
    count += 1;
    mean = weight * mean + (1 - weight) * value;
    return mean / (1 - weight ** count);
  });
}
