"""The chaos: the service as processes, faults drawn from a seed, and a judge who has seen every write.

    make chaos SEED=7 MINUTES=10 DATABASE=postgresql

| module | what it holds |
|---|---|
| `plan` | what happens when, drawn from the seed alone: the same seed is the same plan |
| `deployment`, `programs`, `servers`, `disk`, `proxy` | the service under test, and what faults do to it |
| `faults`, `damage` | each kind of fault |
| `workload`, `client`, `reader` | what clients do meanwhile, and what they see |
| `history` | every write that reached the database, by triggers that the product knows nothing of |
| `reference` | the same specs trained without faults |
| `evidence`, `verdict`, `write_rules`, `outcome_rules` | what is judged, and by which rules |
| `contract` | every name of the product that the harness depends on |
| `without` | the service with one of its fences taken out, which the judge must notice |
"""
