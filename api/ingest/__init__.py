"""The way into the store: what REST and files hand over is treated, stored, and then tagged."""
