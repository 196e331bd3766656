"""The chaos: the service as processes, faults drawn from a seed, and a judge who has seen every write.

    make chaos SEED=7 MINUTES=10 DATABASE=postgresql

| module | what it holds |
|---|---|
| `plan` | what happens when, drawn from the seed alone: the same seed is the same plan |
| `deployment`, `programs`, `servers`, `disk`, `proxy` | the service under test, and what faults do to it |
| `faults`, `ground_faults`, `damage` | each kind of fault: of the programs, and of what they stand on |
| `aim` | each fault at its time, and again where it hit nothing |
| `workload`, `client`, `reader` | what clients do meanwhile, and what they see |
| `history` | every write that reached the database, by triggers that the product knows nothing of |
| `signed` | a program of the service whose writes tell whose they are, on SQLite too |
| `pulse` | what was up at each moment, and how much time was left for us |
| `reference` | the same specs trained without faults |
| `evidence`, `verdict` and the modules named `…_rules` | what is judged, and by which rules |
| `made_up` | hand-made runs, for the tests of these rules |
| `contract` | every name of the product that the harness depends on |
| `without` | the service with one of its fences taken out, which the judge must notice |
"""
