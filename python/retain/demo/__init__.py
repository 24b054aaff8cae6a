"""The whole story on one machine in minutes: learn a skill, forget, merge, export, drive the arm."""
