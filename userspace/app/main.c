/* The entry of the one binary. */
/* SPDX-License-Identifier: MIT */
int main(void)
{
	return 0;
}
